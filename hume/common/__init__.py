"""Utilities independent of HUME: errors, files, devices, numbers as text."""
