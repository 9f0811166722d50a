"""One search, executed and kept on disk."""
