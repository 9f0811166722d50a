"""Background work: queues, runs and datasets in them, what a page sees of it."""
