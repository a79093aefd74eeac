"""Pure statistics: intervals, paired and sequential tests, power. No I/O; arrays and floats only.

Each module is independent; import from the module that says what is needed. Fixed-sample
methods rest on `bootstrap`, tests that may be read at any moment on `sequential`.
"""
