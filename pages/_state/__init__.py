"""What pages remember and share: services, runs, datasets, ground truth, errors."""
