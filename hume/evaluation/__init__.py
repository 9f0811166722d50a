"""Evaluation of labelings: cross-validation, agreement, votes, reliable samples."""
