"""State that pages share: services, runs, datasets, ground truth, errors."""
