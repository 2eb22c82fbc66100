"""Which names in a file are recognised as which field."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from sunorecsys import landing
from sunorecsys.errors import SunorecsysError, UsageError

# Field → names in a file, nested ones with dots. Where a row has several, the first
# that is not blank counts. Fields that a landing table does not have help to derive
# one that it has.
RECOGNISED: dict[str, dict[str, tuple[str, ...]]] = {
    "songs": {
        "song_id": ("song_id", "id"),
        "title": ("title",),
        "creator_id": ("creator_id", "user_id"),
        "creator_name": ("creator_name", "display_name", "handle"),
        "created_at": ("created_at",),
        "duration_seconds": ("duration_seconds", "metadata.duration", "duration"),
        "tags": ("tags", "metadata.tags"),
        "display_tags": ("display_tags", "metadata.display_tags"),
        "prompt": (
            "prompt",
            "metadata.prompt",
            "metadata.gpt_description_prompt",
            "gpt_description_prompt",
        ),
        "model_version": ("model_version", "major_model_version", "model_name"),
        "audio_url": ("audio_url",),
        "image_url": ("image_url", "image_large_url"),
        "is_remix": ("is_remix", "metadata.is_remix"),
        "is_hidden": ("is_hidden",),
        "hidden": ("hidden",),
        "is_trashed": ("is_trashed",),
        "is_public": ("is_public",),
        "play_count": ("play_count",),
        "upvote_count": ("upvote_count",),
        "comment_count": ("comment_count",),
        "exported_at": ("exported_at",),
    },
    "interactions": {
        "event_id": ("event_id", "id"),
        "user_id": ("user_id",),
        "song_id": ("song_id",),
        "interaction_type": (
            "interaction_type",
            "event_type",
            "type",
            "event",
            "action",
        ),
        "occurred_at": (
            "occurred_at",
            "timestamp",
            "ts",
            "time",
            "played_at",
            "created_at",
        ),
        "weight": ("weight", "play_count", "plays", "count"),
    },
    "playlists": {
        "playlist_id": ("playlist_id", "id"),
        "owner_id": ("owner_id", "user_id"),
        "owner_handle": ("owner_handle", "user_handle"),
        "song_position": ("song_position", "position"),
        "song_id": ("song_id",),
        "song_ids": ("song_ids", "songs", "playlist_clips"),
        "exported_at": ("exported_at",),
    },
    "quality": {
        "song_id": ("song_id", "id"),
        "signal": ("signal", "metric", "model"),
        "score": ("score", "value"),
        # as Audiobox Aesthetics writes them
        "audiobox_ce": ("audiobox_ce", "CE"),
        "audiobox_cu": ("audiobox_cu", "CU"),
        "audiobox_pc": ("audiobox_pc", "PC"),
        "audiobox_pq": ("audiobox_pq", "PQ"),
        "exported_at": ("exported_at", "scored_at"),
    },
}

# Of each group, the file must have one.
_REQUIRED: dict[str, tuple[tuple[str, ...], ...]] = {
    "songs": (("song_id",),),
    "interactions": (("user_id",), ("song_id",)),
    "playlists": (("playlist_id",), ("song_ids", "song_id")),
    "quality": (
        ("song_id",),
        ("score", "audiobox_ce", "audiobox_cu", "audiobox_pc", "audiobox_pq"),
    ),
}

# Fields whose value may be a list of strings.
JOINED = frozenset({"tags", "display_tags"})
# Scores that stand beside each other in a row.
AXES = frozenset({"audiobox_ce", "audiobox_cu", "audiobox_pc", "audiobox_pq"})
# The field whose value is a list of ids.
LISTED = "song_ids"

# How many column names an error lists.
_NAMES_SHOWN = 40


def parse_columns(pairs: Iterable[str]) -> dict[str, str]:
    """Return ``{"song_id": "item_id"}`` for ``["song_id=item_id"]``.

    Raises:
        UsageError: a pair has another form, or a field is named twice.
    """
    columns: dict[str, str] = {}
    for pair in pairs:
        field, equals, source = (part.strip() for part in pair.partition("="))
        if not (field and equals and source):
            raise UsageError(
                f"--column {pair}: write our name, =, and the name in the file, "
                "for example --column song_id=item_id."
            )
        if field in columns:
            raise UsageError(
                f"--column {pair}: {field} is already read from {columns[field]}."
            )
        columns[field] = source
    return columns


@dataclass(frozen=True)
class Plan:
    """Where each field of a kind is looked for in a file."""

    kind: str
    sources: Mapping[str, tuple[str, ...]]
    mapped: Mapping[str, str]

    @classmethod
    def of(cls, kind: str, columns: Mapping[str, str]) -> "Plan":
        """Return the recognised names, with ``columns`` (ours → theirs) instead.

        A mapped name stands for its field only: with ``song_id=id``, an ``id`` is
        not also the id of the event.

        Raises:
            UsageError: the kind or a field does not exist, or a name is mapped twice.
        """
        if kind not in RECOGNISED:
            raise UsageError(f"{kind} is not one of {', '.join(RECOGNISED)}.")
        recognised = RECOGNISED[kind]
        ours = {*landing.SCHEMAS[kind].names, LISTED, *AXES} & set(recognised)
        taken: dict[str, str] = {}
        for field, source in columns.items():
            if field not in ours:
                has = ", ".join(name for name in recognised if name in ours)
                raise UsageError(
                    f"--column {field}={source}: {kind} have no {field}; "
                    f"they have {has}."
                )
            if source in taken:
                raise UsageError(
                    f"--column {field}={source}: {source} is already read as "
                    f"{taken[source]}."
                )
            taken[source] = field
        sources = {
            field: (columns[field],)
            if field in columns
            else tuple(name for name in names if name not in taken)
            for field, names in recognised.items()
        }
        return cls(kind, sources, dict(columns))

    @property
    def fields(self) -> list[str]:
        """The fields in the order of the schema: the list comes last."""
        return sorted(self.sources, key=lambda field: field == LISTED)

    @property
    def schema(self) -> pa.Schema:
        """The batches that readers yield: every field as the text of the file."""
        return pa.schema(
            [
                ("position", pa.int64()),
                ("problem", pa.string()),
                ("content", pa.string()),
                *(
                    (field, pa.list_(pa.string()) if field == LISTED else pa.string())
                    for field in self.fields
                ),
            ]
        )

    def require(self, found: Iterable[str], *, file: str, has: Iterable[str]) -> None:
        """Check that the names ``found`` in a file suffice.

        Raises:
            SunorecsysError: a mapped or a required column is not there; the message
                names the columns that the file ``has``.
        """
        present = set(found)
        for field, source in self.mapped.items():
            if source not in present:
                raise SunorecsysError(
                    f"{file} has no column {source}, which --column reads as {field}. "
                    f"{_listed(has)}"
                )
        for group in _REQUIRED[self.kind]:
            names = [name for field in group for name in self.sources[field]]
            if not present.intersection(names):
                raise SunorecsysError(
                    f"{file} has no column for {group[0]} "
                    f"(looked for {', '.join(names)}). {_listed(has)} "
                    f"Name it with --column {group[0]}=…"
                )


def _listed(names: Iterable[str]) -> str:
    ordered = list(names)
    text = ", ".join(ordered[:_NAMES_SHOWN])
    shown = "".join(mark if mark.isprintable() else "?" for mark in text)
    more = len(ordered) - _NAMES_SHOWN
    return f"It has: {shown}{f' and {more} more' if more > 0 else ''}."
