"""The app: one question a page; what pages share is in the packages beside them."""
