"""Files that come from outside or go outside: the authors' formats, uploads, exports."""
