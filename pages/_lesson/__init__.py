"""The steps of the lesson, a module a page."""
