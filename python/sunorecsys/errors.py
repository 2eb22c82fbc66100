"""The errors that a person sees: what happened, why, and what to do next."""


class SunorecsysError(Exception):
    """Something could not be done; the message says what to do next (exit 1)."""


class UsageError(SunorecsysError):
    """The call itself is wrong (exit 2)."""
