"""The app: one question a page; shared parts are in the packages next to the pages."""
