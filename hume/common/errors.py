"""Errors whose message is written for the person at the keyboard."""


class HumeError(Exception):
    """Something a user can mend; the message is one sentence: what, where, what to do."""


class InputError(HumeError, ValueError):
    """Data or parameters that cannot be searched."""


class RunError(HumeError):
    """A run on disk that cannot be written, found, read or resumed."""
