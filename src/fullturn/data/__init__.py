"""Dataset versions: read files, check them against a contract, commit, load and compare.

`versions` commits to a Delta table and loads from it, `difference` compares two versions;
the other modules are the steps between a file and a version.
"""
