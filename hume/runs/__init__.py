"""Runs: searches that are executed and saved on disk."""
