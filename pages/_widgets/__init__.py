"""Elements that pages draw: galleries, bins, thumbnails, plots."""
