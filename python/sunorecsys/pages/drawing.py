"""What pages draw without pictures: covers for songs that bring none, and numbers."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from sunorecsys.reader import CHANNELS

# back, front and light: each looks well in a bright and in a dark page
_PALETTES = (
    ("#1d2b64", "#4f6df5", "#ffd166"),
    ("#3b1c5a", "#b14aed", "#ffb3c6"),
    ("#0f3d3e", "#1fab89", "#f9f7a1"),
    ("#5b1a2e", "#ef476f", "#ffd6a5"),
    ("#123c69", "#00a8cc", "#fdf0d5"),
    ("#4a2c10", "#f08a24", "#ffe8a3"),
    ("#26233a", "#8f7bd8", "#9ce5d8"),
    ("#1b4332", "#52a873", "#e9f5b2"),
    ("#5c2348", "#f06ba8", "#b8e1ff"),
    ("#2b2d42", "#d9534f", "#f4e3c1"),
    ("#0b3954", "#e0617f", "#bfe3f2"),
    ("#312244", "#3fa7d6", "#fac05e"),
)


@dataclass(frozen=True)
class Cover:
    """Three colors, and shapes that are always the same for a song."""

    back: str
    front: str
    light: str
    # which of the shapes, 0 to 3
    shape: int
    x: int
    y: int


def cover(song_id: str) -> Cover:
    """Return the cover of a song that brings none."""
    digest = hashlib.sha256(song_id.encode("utf-8", "surrogatepass")).digest()
    back, front, light = _PALETTES[digest[0] % len(_PALETTES)]
    return Cover(
        back, front, light, digest[2] % 4, 10 + digest[3] % 45, 10 + digest[4] % 45
    )


@dataclass(frozen=True)
class Part:
    """A part of a bar, in percent of its width."""

    channel: str
    x: float
    width: float


# what the width of a bar stands for: the lowest amount, and the highest
Span = tuple[float, float]


def span(many: Iterable[Mapping[str, float]]) -> Span:
    """Return what bars beside each other stand for, so that the longest one fits."""
    low, high = 0.0, 0.0
    for scores in many:
        amounts = [scores.get(name) or 0 for name in CHANNELS]
        low = min(low, sum(amount for amount in amounts if amount < 0))
        high = max(high, sum(amount for amount in amounts if amount > 0))
    return low, high


def zero(whole: Span) -> float:
    """Return where a bar has its zero, in percent of its width."""
    low, high = whole
    return round(100 * -low / (high - low), 2) if high > low else 0.0


def bar(scores: Mapping[str, float], whole: Span) -> list[Part]:
    """Return the parts of a bar that shows which channels gave and took how much.

    Args:
        scores: by channel; what is below 0 stands on the left of the zero.
        whole: what the whole width stands for, of `span`.
    """
    low, high = whole
    parts, left, right = [], zero(whole), zero(whole)
    for name in CHANNELS:
        amount = scores.get(name) or 0
        width = 100 * abs(amount) / (high - low) if high > low else 0
        if amount < 0:
            left -= width
        if width > 0:
            x = left if amount < 0 else right
            parts.append(Part(name, round(x, 2), round(width, 2)))
        if amount > 0:
            right += width
    return parts


def web_url(url: Any) -> str | None:
    """Return an address of a song if it is one of the web, encrypted; else None."""
    if not isinstance(url, str) or len(url) > 2000 or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        # ports are checked only when asked for
        _ = parts.port
    except ValueError:
        return None
    return url if parts.scheme == "https" and parts.hostname else None


def clock(seconds: float | None) -> str:
    """Return a length as minutes and seconds."""
    if seconds is None:
        return ""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def day(moment: date | datetime | None) -> str:
    """Return a day as people write it."""
    return f"{moment.day} {moment:%B %Y}" if moment is not None else "unknown"


def minute(moment: datetime | None) -> str:
    """Return a time as people write it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment is not None else "unknown"


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share in percent."""
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%" if share is not None else "–"
