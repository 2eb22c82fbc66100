"""The recommender for Python programs."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import pyarrow as pa

from sunorecsys import reader
from sunorecsys.errors import SunorecsysError, UsageError
from sunorecsys.feedback import Receipt, id_problem
from sunorecsys.project import Project
from sunorecsys.serving import Service

Format = Literal["dicts", "arrow", "pandas"]

MOST_SONGS = 100

# the columns of answers, also where there are no rows
_RECOMMENDED = pa.schema(
    [
        ("rank", pa.int64()),
        ("song_id", pa.string()),
        ("title", pa.string()),
        ("creator_name", pa.string()),
        ("genre", pa.string()),
        ("score", pa.float64()),
        (
            "channel_scores",
            pa.struct([(name, pa.float64()) for name in reader.CHANNELS]),
        ),
        ("primary_channel", pa.string()),
        ("reason", pa.string()),
    ]
)
_SIMILAR = pa.schema(
    [
        ("similarity_rank", pa.int64()),
        ("song_id", pa.string()),
        ("title", pa.string()),
        ("creator_name", pa.string()),
        ("genre", pa.string()),
        ("similarity", pa.float64()),
    ]
)
_FOUND = pa.schema(
    [
        ("search_rank", pa.int64()),
        ("song_id", pa.string()),
        ("title", pa.string()),
        ("creator_name", pa.string()),
        ("genre", pa.string()),
        ("score", pa.float64()),
    ]
)
_CONTRIBUTIONS = pa.schema(
    [
        ("channel", pa.string()),
        ("seed_song_id", pa.string()),
        ("seed_title", pa.string()),
        ("contribution", pa.float64()),
    ]
)


class HybridRecommender:
    """Reads the current release of a project, and what has happened since.

    Thread-safe: one instance serves all threads of a program. When the next build
    publishes, the next call reads its release.

    >>> recommender = HybridRecommender.load()  # doctest: +SKIP
    >>> recommender.recommend(user_id="listener-005", n=10)  # doctest: +SKIP
    """

    def __init__(self, service: Service) -> None:
        """Read from a service; `load` makes one."""
        self._service = service

    @classmethod
    def load(cls, path: str | Path | None = None) -> Self:
        """Open the current release of a project, or the file of one release.

        Args:
            path: a project folder, or a release file. A file alone knows nothing of
                feedback and of songs that were taken down. None: the project at
                SUNORECSYS_PROJECT_DIR, here or above.

        Raises:
            NoRelease: there is no release, or it cannot be read.
            SunorecsysError: there is no project.
        """
        if path is not None and Path(path).suffix in (".pkl", ".pickle"):
            raise SunorecsysError(
                f"{path} is a pickle, and nothing is pickled any more: a model is the "
                'tables of a release. Run "sunorecsys build", then '
                "HybridRecommender.load() without a path."
            )
        if path is None or Path(path).is_dir():
            project = Project.find(Path(path) if path is not None else None)
            recommender = cls(Service.of(project))
        else:
            recommender = cls(Service(Path(path), landing=None))
        # a release that cannot be read is said now, not at the first question
        with recommender._service.view():
            return recommender

    @property
    def release_id(self) -> str:
        """The release that serves now."""
        with self._service.view() as view:
            return view.release_id

    # typing would keep them, and all of DuckDB with them, beyond the end of a program
    if TYPE_CHECKING:

        @overload
        def recommend(
            self,
            user_id: str | None = None,
            song_ids: Iterable[str] | None = None,
            n: int = 30,
            exclude_song_ids: Iterable[str] = (),
            *,
            format: Literal["dicts"] = "dicts",
        ) -> list[dict[str, Any]]: ...

        @overload
        def recommend(
            self,
            user_id: str | None = None,
            song_ids: Iterable[str] | None = None,
            n: int = 30,
            exclude_song_ids: Iterable[str] = (),
            *,
            format: Literal["arrow"],
        ) -> pa.Table: ...

        @overload
        def recommend(
            self,
            user_id: str | None = None,
            song_ids: Iterable[str] | None = None,
            n: int = 30,
            exclude_song_ids: Iterable[str] = (),
            *,
            format: Literal["pandas"],
        ) -> Any: ...

    def recommend(
        self,
        user_id: str | None = None,
        song_ids: Iterable[str] | None = None,
        n: int = 30,
        exclude_song_ids: Iterable[str] = (),
        *,
        format: Format = "dicts",
    ) -> Any:
        """Return the songs for a listener, or those that go with seed songs.

        Args:
            user_id: a listener; or
            song_ids: seed songs. Unknown ones are left out with a warning; none at all
                gives popular, varied songs.
            n: how many, 1 to 100.
            exclude_song_ids: songs that are not wanted, known or not.
            format: dicts, arrow (a pyarrow.Table) or pandas (a DataFrame).

        Returns:
            Best first: rank, song_id, title, creator_name, genre, score,
            channel_scores (weighted, they add up to the score), primary_channel and
            reason.

        Raises:
            UsageError: the arguments are wrong.
            UnknownListener: nothing is known of the listener.
            UnknownSong: all seed songs are unknown; ``nearest`` names some.
        """
        _check_count(n)
        if (user_id is None) == (song_ids is None):
            raise UsageError("Give user_id or song_ids, one of them.")
        excluded = _ids("exclude_song_ids", exclude_song_ids)
        with self._service.view() as view:
            if user_id is not None:
                rows = view.recommend(_id("user_id", user_id), n, excluded)
            else:
                assert song_ids is not None
                seeds = _ids("song_ids", song_ids)
                rows, unknown = view.recommend_from(seeds, n, excluded)
                if unknown:
                    warnings.warn(
                        f"Unknown songs left out: {', '.join(unknown[:10])}"
                        f"{' …' if len(unknown) > 10 else ''}",
                        stacklevel=2,
                    )
        return _formatted(rows, _RECOMMENDED, format)

    def get_similar_songs(
        self,
        song_id: str,
        n: int = 10,
        channel: str = "blended",
        *,
        format: Format = "dicts",
    ) -> Any:
        """Return the songs most like one song.

        Args:
            song_id: the song.
            n: how many, 1 to 100; a release keeps 50 per channel.
            channel: blended, item_cf, content or prompt.
            format: dicts, arrow or pandas.

        Returns:
            Nearest first: similarity_rank, song_id, title, creator_name, genre and
            similarity.

        Raises:
            UsageError: the arguments are wrong.
            UnknownSong: the song is unknown; ``nearest`` names some.
        """
        _check_count(n)
        if channel not in reader.SIMILAR_CHANNELS:
            raise UsageError(
                f"channel is {channel!r}; use {', '.join(reader.SIMILAR_CHANNELS)}."
            )
        with self._service.view() as view:
            rows = view.similar(_id("song_id", song_id), n, channel)
        return _formatted(rows, _SIMILAR, format)

    def search(
        self,
        text: str,
        n: int = 10,
        by: Literal["words", "sound"] | None = None,
        *,
        format: Format = "dicts",
    ) -> Any:
        """Return the songs that words are about.

        Args:
            text: the words, at most 1,000 characters.
            n: how many, 1 to 100.
            by: words (of title, tags, genre, creator and prompt) or sound (CLAP). None:
                sound if CLAP heard the songs and its files are at hand, else words.
            format: dicts, arrow or pandas.

        Returns:
            The best first: search_rank, song_id, title, creator_name, genre and score.
            A score of sound is a cosine, one of words a sum over the words.

        Raises:
            UsageError: the arguments are wrong.
            SunorecsysError: it cannot be searched by sound, as was asked.
        """
        _check_count(n)
        with self._service.view() as view:
            rows = view.search(text, n, by)["songs"]
        return _formatted(rows, _FOUND, format)

    def explain(self, user_id: str, song_id: str, *, format: Format = "dicts") -> Any:
        """Return where the score of a song comes from, for any song.

        Returns:
            channel, seed_song_id, seed_title and contribution; the contributions add
            up to the score.

        Raises:
            UnknownListener: nothing is known of the listener.
            UnknownSong: the song is unknown; ``nearest`` names some.
        """
        with self._service.view() as view:
            rows = view.explain(_id("user_id", user_id), _id("song_id", song_id))
        return _formatted(rows, _CONTRIBUTIONS, format)

    def why_not(self, user_id: str, song_id: str) -> dict[str, Any]:
        """Return what keeps a song out of the playlist of a listener.

        Returns:
            rules (each a rule and a detail, the strongest first), recommendation_rank,
            blended_score, score_needed and gap.

        Raises:
            UnknownListener: nothing is known of the listener.
            UnknownSong: the song is unknown; ``nearest`` names some.
        """
        with self._service.view() as view:
            return view.why_not(_id("user_id", user_id), _id("song_id", song_id))

    def add_feedback(self, events: Sequence[Mapping[str, Any]]) -> Receipt:
        """Write down what listeners did; the next answers respect it.

        Args:
            events: user_id and song_id, and interaction_type (default play),
                occurred_at, weight and event_id if known.

        Raises:
            InvalidEvent: one is wrong; none was written.
            NotStored: the disk refused; none was kept.
        """
        return self._service.tell(events)

    def close(self) -> None:
        """Close the release."""
        self._service.close()

    def __enter__(self) -> Self:
        """Return itself; the block closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the release."""
        self.close()


def _check_count(n: int) -> None:
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST_SONGS:
        raise UsageError(f"n is {str(n)[:40]}; use a whole number from 1 to 100.")


def _id(name: str, value: Any) -> str:
    if problem := id_problem(value):
        raise UsageError(f"{name} {problem}.")
    return str(value)


def _ids(name: str, values: Iterable[str]) -> list[str]:
    if isinstance(values, str):
        raise UsageError(f"{name} is one text; give a list of ids.")
    return [_id(name, value) for value in values]


def _formatted(rows: reader.Rows, columns: pa.Schema, format: Format) -> Any:
    if format == "dicts":
        return rows
    if format == "arrow":
        return pa.Table.from_pylist(rows, schema=columns)
    if format == "pandas":
        try:
            import pandas
        except ImportError as error:
            raise SunorecsysError(
                'pandas is not installed. Run "pip install pandas", or use '
                'format="arrow".'
            ) from error
        return pandas.DataFrame(rows, columns=columns.names)
    raise UsageError(f"format is {format!r}; use dicts, arrow or pandas.")
