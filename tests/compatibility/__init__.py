"""Projects that earlier versions wrote: every later version must be able to read them."""
