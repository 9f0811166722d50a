"""Datasets: import pictures and features, one folder per dataset."""
