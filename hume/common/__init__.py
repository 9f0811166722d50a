"""What knows nothing of HUME: errors, files, devices, numbers as text."""
