"""What labelings are worth: cross-validation, agreement, votes, reliable samples."""
