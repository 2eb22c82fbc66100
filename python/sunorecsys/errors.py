"""The errors that a person sees: what happened, why, and what to do next."""


class SunorecsysError(Exception):
    """Something could not be done; the message says what to do next (exit 1)."""


class UsageError(SunorecsysError):
    """The call itself is wrong (exit 2)."""


class NoRelease(SunorecsysError):
    """There is no release that can be read."""


class UnknownListener(SunorecsysError):
    """Nothing is known of a listener; other listeners are never named."""


class UnknownSong(SunorecsysError):
    """A song is not in the release; ``nearest`` holds song_id and title of some."""

    def __init__(self, message: str, nearest: list[dict[str, str]]) -> None:
        """Keep the nearest songs beside the message."""
        super().__init__(message)
        self.nearest = nearest


class InvalidEvent(SunorecsysError):
    """An event cannot be written down; ``position`` counts from 0."""

    def __init__(self, message: str, position: int) -> None:
        """Keep the position beside the message."""
        super().__init__(message)
        self.position = position


class NotStored(SunorecsysError):
    """The disk refused feedback; none of it was kept."""


class SchemaVersionError(NoRelease):
    """A release is of a schema version that this program does not read."""


def first_line(error: Exception) -> str:
    """Return what an error says first."""
    return (str(error).splitlines() or [type(error).__name__])[0]
