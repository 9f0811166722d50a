"""What the lesson shows, computed by the library's own functions; it knows no page and no plot."""
