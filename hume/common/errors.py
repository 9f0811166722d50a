"""Errors whose message is written for the user."""


class HumeError(Exception):
    """An error that a user can fix; the message is one sentence: what, where, what to do."""


class InputError(HumeError, ValueError):
    """Data or parameters that cannot be searched."""


class RunError(HumeError):
    """A run on disk that cannot be written, found, read or resumed."""
