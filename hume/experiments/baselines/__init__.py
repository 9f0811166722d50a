"""Methods that HUME is compared with, on the same features (Sec. 3.1, Tables 1 and 2)."""
