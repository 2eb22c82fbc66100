"""Listening that never happened, for a catalogue without listeners.

Songs are played by a power law; listeners keep to one to three genres and, inside
them, to a scene and a circle of creators, so that who plays the same songs says more
than popularity and more than the genre. Some songs stay cold, some listeners do too.

Everything is drawn from one generator, in a fixed order: the same arguments give the
same events.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sunorecsys.errors import SunorecsysError
from sunorecsys.landing import SCHEMAS
from sunorecsys.simulate import words
from sunorecsys.simulate.catalogue import identifiers

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

TYPES = ("play", "complete", "like", "save", "share", "skip", "dislike")
PLAY, COMPLETE, LIKE, SAVE, SHARE, SKIP, DISLIKE = range(len(TYPES))

PLAYLISTS_PER_LISTENER = 10

_HOUR = 3_600
_WEEK = 7 * 24 * _HOUR
# The exponent of the power law; real catalogues lie between 0.7 and 1.
_POPULARITY_EXPONENT = 0.8
_COLD_SHARE = 0.05
# A circle is a part of a scene: creators whose listeners are the same people.
_SONGS_PER_CIRCLE = 16
_CIRCLE_LOYALTY = 0.6
# A play is followed by another one of the same song so often.
_REPEAT = 0.3
# A song suits a listener if its scene has at least this share of the plays.
_SUITS = 0.08
# Bounds of what is held in memory at a time.
_CHUNK_PLAYS = 500_000
_CHUNK_LISTENERS = 20_000


class Chunk(NamedTuple):
    """What some of the listeners did, in the landing schemas."""

    listeners: int
    interactions: pa.Table
    playlists: pa.Table


class _Picks(NamedTuple):
    """Songs that were chosen, one row per choice; the listener is a row number."""

    listener: Ints
    song: Ints
    suits: Flags


class _Events(NamedTuple):
    listener: Ints
    song: Ints
    kind: Ints
    # seconds since 1970
    time: Ints


def _seconds(column: pa.ChunkedArray) -> Ints:
    """Return whole seconds since 1970, rounded up; -1 where the time is unknown."""
    micros = column.cast(pa.int64()).fill_null(-1).to_numpy()
    return np.where(micros < 0, -1, -(-micros // 1_000_000))


def _counts(column: pa.ChunkedArray) -> Floats:
    """Return the counts as floats, NaN where they are unknown."""
    counts: Floats = column.cast(pa.float64()).fill_null(float("nan")).to_numpy()
    return counts


@dataclass(frozen=True)
class _Shelf:
    """The songs that can be drawn, ordered by cluster and circle.

    ``edges[i]`` and ``edges[i + 1]`` bound the i-th song of ``order`` on a line as
    long as the popularity of all; a draw is a point on that line.
    """

    order: Ints
    edges: Floats
    # bounds of each circle on the line, and the circles of each cluster
    circle_edges: Floats
    first_circle: Ints

    @classmethod
    def fill(cls, weight: Floats, circle: Ints, first_circle: Ints) -> "_Shelf":
        order = np.argsort(circle, kind="stable")
        edges = np.concatenate([[0.0], np.cumsum(weight[order])])
        starts = np.searchsorted(circle[order], np.arange(first_circle[-1] + 1))
        return cls(order, edges, edges[starts], first_circle)

    @cached_property
    def cluster_weight(self) -> Floats:
        """Popularity of all songs of each cluster."""
        return np.diff(self.circle_edges[self.first_circle])

    def draw(
        self, rng: np.random.Generator, cluster: Ints, habit: Ints, explores: Flags
    ) -> Ints:
        """Draw one song per row.

        Args:
            rng: source of everything random.
            cluster: where to look.
            habit: a number of the listener that settles the favorite circle.
            explores: look everywhere instead.
        """
        first = self.first_circle[cluster]
        circles = self.first_circle[cluster + 1] - first
        favorite = first + (habit + cluster * 7919) % circles
        low, high = self.circle_edges[favorite], self.circle_edges[favorite + 1]
        wide = (rng.random(len(cluster)) >= _CIRCLE_LOYALTY) | (high <= low)
        low = np.where(wide, self.circle_edges[first], low)
        high = np.where(wide, self.circle_edges[first + circles], high)
        anywhere = explores | (high <= low)
        low = np.where(anywhere, 0.0, low)
        high = np.where(anywhere, self.edges[-1], high)
        point = low + rng.random(len(cluster)) * (high - low)
        # Rounding up to the end would name the song after the last.
        point = np.minimum(point, np.nextafter(high, 0.0))
        return self.order[np.searchsorted(self.edges, point, side="right") - 1]


class Listening:
    """Simulated listeners of a catalogue."""

    def __init__(
        self,
        songs: pa.Table,
        *,
        listeners: int,
        plays: int,
        playlists: int,
        rng: np.random.Generator,
        until: datetime,
        weeks: int = 12,
    ) -> None:
        """Settle how popular each song is and how active each listener.

        Args:
            songs: songs in the landing schema, one row per song.
            listeners: number of listeners, at least 1; a few creators are among them.
            plays: number of play events; likes, skips and the rest come on top.
            playlists: number of playlists, at most ten per listener.
            rng: source of everything random.
            until: no event at or after this time.
            weeks: no event more than so many weeks before ``until``.

        Raises:
            SunorecsysError: no song was created before ``until``.
        """
        self._rng = rng
        self._until = until
        self._end = int(np.datetime64(until, "s").astype(np.int64))
        self._start = self._end - weeks * _WEEK
        self._plays = plays
        self._song_ids = songs["song_id"].combine_chunks()
        self._set_up_songs(songs)
        self._set_up_listeners(listeners, plays, playlists, weeks)

    def _set_up_songs(self, songs: pa.Table) -> None:
        rng = self._rng
        created = _seconds(songs["created_at"])
        self._duration = np.nan_to_num(_counts(songs["duration_seconds"]), nan=180.0)
        self._duration = np.clip(self._duration, 1, _HOUR).astype(np.int64)
        self._earliest = np.maximum(created + 1, self._start)
        available = created < self._end - _HOUR
        if not available.any():
            raise SunorecsysError(
                f"No song was created before {self._until:%Y-%m-%d}. "
                "Choose a later --until."
            )

        creator = songs["creator_id"].combine_chunks().dictionary_encode()
        creators = len(creator.dictionary)
        # A song without creator counts as one by itself.
        owner = creator.indices.fill_null(-1).to_numpy().astype(np.int64)
        alone = owner < 0
        self._by_owner = np.argsort(owner, kind="stable")
        self._owners = owner[self._by_owner]
        owner[alone] = creators + np.arange(alone.sum())
        self._creator_ids = creator.dictionary
        self._creator_names = songs["creator_name"].combine_chunks()

        guesses = [words.genre_and_scene(tags) for tags in songs["tags"].to_pylist()]
        genre, scene = np.array(guesses, dtype=np.int64).T
        owners = creators + int(alone.sum())
        any_scene = rng.integers(0, words.SCENES, owners)[owner]
        scene = np.where(scene < 0, any_scene, scene)
        self._cluster = genre * words.SCENES + scene
        clusters = (len(words.GENRES) + 1) * words.SCENES
        sizes = np.bincount(self._cluster, minlength=clusters)
        circles = np.maximum(1, sizes // _SONGS_PER_CIRCLE)
        first_circle = np.concatenate([[0], np.cumsum(circles)])
        place = rng.random(owners)[owner] * circles[self._cluster]
        circle = first_circle[self._cluster] + place.astype(np.int64)

        plays, upvotes = _counts(songs["play_count"]), _counts(songs["upvote_count"])
        self._weight = self._popularity(plays, created, available)
        self._quality = _quality(plays, upvotes)
        self._shelf = _Shelf.fill(self._weight, circle, first_circle)
        before = created < self._end - _WEEK - _HOUR
        self._earlier_weight = np.where(before, self._weight, 0.0)
        self._earlier = _Shelf.fill(self._earlier_weight, circle, first_circle)

    def _popularity(self, plays: Floats, created: Ints, available: Flags) -> Floats:
        """Return the weight of each song: a power law of a noisy rank, cold ones 0."""
        rng, count = self._rng, len(plays)
        known = np.log1p(plays)
        if np.isfinite(known).any():
            known = (known - np.nanmean(known)) / max(float(np.nanstd(known)), 1e-9)
        score = np.nan_to_num(known) + rng.normal(0, 0.7, count)
        order = np.argsort(-score, kind="stable")
        weight = np.empty(count)
        weight[order] = np.arange(1, count + 1) ** -_POPULARITY_EXPONENT
        # Half of the weeks, half of the plays, but the newest get a little more.
        age = np.maximum(self._end - created, 0) / _WEEK
        weeks = (self._end - self._start) / _WEEK
        weight *= np.minimum(age / weeks, 1) * (1 + 0.5 * np.exp(-age / 4))
        weight[~available] = 0.0
        # Cold songs are of the less popular half.
        order = order[available[order]]
        cold = int(len(order) * _COLD_SHARE)
        weight[rng.choice(order[len(order) // 2 :], cold, replace=False)] = 0.0
        return weight

    def _set_up_listeners(
        self, listeners: int, plays: int, playlists: int, weeks: int
    ) -> None:
        rng = self._rng
        # Creators who listen come first and keep their own id.
        amount = min(round(0.04 * listeners), len(self._creator_ids))
        self._listens_as = np.sort(
            rng.choice(len(self._creator_ids), amount, replace=False)
        )
        own = self._creator_ids.take(pa.array(self._listens_as)).to_pylist()
        ids = own + identifiers("listener", listeners - amount, 3)
        self.user_ids = pa.array(ids, pa.string())
        self._habit = rng.integers(0, 1_000_003, listeners)

        shuffled = rng.permutation(listeners)
        sour = shuffled[: int(0.02 * listeners)]
        light = shuffled[len(sour) : len(sour) + int(0.1 * listeners)]
        self._play_counts = _share_out(rng, plays, listeners, sour, light)
        self._skip_counts = rng.poisson(self._play_counts * 0.15)
        self._skip_counts[light] = 0
        self._skip_counts[sour] = rng.integers(1, 7, len(sour)) if plays else 0

        self._leaves_early = rng.random(listeners) < 0.15
        if weeks < 2 or not self._earlier_weight.any():
            self._leaves_early[:] = False
        # Nobody owns a second playlist before everybody has one.
        rounds = [rng.permutation(listeners) for _ in range(0, playlists, listeners)]
        owners = np.concatenate([*rounds, np.zeros(0, dtype=np.int64)])[:playlists]
        self._playlist_counts = np.bincount(owners, minlength=listeners)

    def chunks(self) -> Iterator[Chunk]:
        """Yield what the listeners did, some of them at a time."""
        events, lists = 0, 0
        start = 0
        for end in self._bounds():
            rows = np.arange(start, end)
            taste = self._taste(len(rows))
            happened = self._events(rows, taste)
            playlists = self._playlists(rows, taste, lists)
            yield Chunk(len(rows), self._interactions(happened, events), playlists)
            events += len(happened.listener)
            lists += int(self._playlist_counts[rows].sum())
            start = end

    def _bounds(self) -> Iterator[int]:
        """Yield where each chunk of listeners ends."""
        load = np.cumsum(self._play_counts + self._skip_counts)
        end = 0
        while end < len(load):
            done = load[end - 1] if end else 0
            full = int(np.searchsorted(load, done + _CHUNK_PLAYS, side="right"))
            end = min(max(full, end + 1), end + _CHUNK_LISTENERS, len(load))
            yield end

    def _taste(self, count: int) -> Floats:
        """Return what part of a listener's plays each cluster gets, rows sum to 1."""
        rng = self._rng
        in_stock = self._shelf.cluster_weight.reshape(-1, words.SCENES)
        genres = len(in_stock)
        # Gumbel noise on logarithms draws genres without putting one back.
        with np.errstate(divide="ignore"):
            appeal = 0.75 * np.log(in_stock.sum(axis=1))
        ranked = np.argsort(-(appeal + rng.gumbel(size=(count, genres))), axis=1)
        favorites = ranked[:, :3]
        liking = rng.gamma(1.5, size=(count, favorites.shape[1]))
        liking[:, 1:][
            rng.integers(1, 4, count)[:, None] <= np.arange(1, favorites.shape[1])
        ] = 0.0
        scenes = rng.gamma(0.2, size=(count, favorites.shape[1], words.SCENES))
        scenes = (scenes + 1e-9) / (scenes + 1e-9).sum(axis=2, keepdims=True)
        taste = np.zeros((count, genres, words.SCENES))
        taste[np.arange(count)[:, None], favorites] = liking[:, :, None] * scenes
        taste *= in_stock > 0
        flat = taste.reshape(count, -1)
        everything = in_stock.ravel() / in_stock.sum()
        # Favorites that are not in stock leave nothing: then anything will do.
        flat[flat.sum(axis=1) == 0] = everything
        shares: Floats = flat / flat.sum(axis=1, keepdims=True)
        return shares

    def _pick(
        self, rows: Ints, taste: Floats, listener: Ints, explores: Flags
    ) -> _Picks:
        """Choose a song per row; ``listener`` counts from the first of the chunk."""
        rng = self._rng
        # One sorted line for all listeners: each has the stretch from its number.
        line = (np.cumsum(taste, axis=1) + np.arange(len(rows))[:, None]).ravel()
        clusters = taste.shape[1]
        point = listener + rng.random(len(listener))
        cluster = np.searchsorted(line, point, side="right") - listener * clusters
        cluster = np.clip(cluster, 0, clusters - 1)
        habit = self._habit[rows][listener]
        early = self._leaves_early[rows][listener]
        song = np.empty(len(listener), dtype=np.int64)
        for shelf, chosen in ((self._shelf, ~early), (self._earlier, early)):
            song[chosen] = shelf.draw(
                rng, cluster[chosen], habit[chosen], explores[chosen]
            )
        self._play_own(rows, listener, song)
        return _Picks(listener, song, taste[listener, self._cluster[song]] > _SUITS)

    def _play_own(self, rows: Ints, listener: Ints, song: Ints) -> None:
        """Let creators who listen play a song of their own now and then, in place."""
        amount = len(self._listens_as)
        if rows[0] >= amount:
            return
        rng = self._rng
        vain = np.flatnonzero(rows[listener] < amount)
        vain = vain[rng.random(len(vain)) < 0.05]
        owner = self._listens_as[rows[listener[vain]]]
        first = np.searchsorted(self._owners, owner)
        last = np.searchsorted(self._owners, owner, side="right")
        own = self._by_owner[rng.integers(first, last)]
        weight = np.where(
            self._leaves_early[rows[listener[vain]]],
            self._earlier_weight[own],
            self._weight[own],
        )
        song[vain[weight > 0]] = own[weight > 0]

    def _events(self, rows: Ints, taste: Floats) -> _Events:
        rng = self._rng
        end = self._end - self._leaves_early[rows] * _WEEK

        # Plays come in runs of one song; a run ends by chance or with the listener.
        player = np.repeat(np.arange(len(rows)), self._play_counts[rows])
        is_first = np.diff(player, prepend=-1) > 0
        is_first |= rng.random(len(player)) >= _REPEAT
        run = np.cumsum(is_first) - 1
        length = np.bincount(run)
        # Whoever repeats a song is hardly trying something out.
        explores = rng.random(len(length)) < np.where(length > 1, 0.06, 0.18)
        picks = self._pick(rows, taste, player[is_first], explores)
        begin = self._times(picks, end)

        # A repeat falls between the first play and the end, sooner rather than later.
        left = end[player] - begin[run]
        delay = (left * rng.random(len(player)) ** 3).astype(np.int64)
        time = begin[run] + np.where(is_first, 0, delay)
        song, suits = picks.song[run], picks.suits[run]
        ends = rng.random(len(player)) < np.where(suits, 0.24, 0.1)
        shares = rng.random(len(player)) < np.where(suits, 0.01, 0.002)

        # A like and its opposite are given once.
        _, once = np.unique(
            picks.listener * len(self._weight) + picks.song, return_index=True
        )
        given = rng.random(len(once))
        suits_once, quality = picks.suits[once], self._quality[picks.song[once]]
        likes = once[given < np.where(suits_once, 0.1 + 0.4 * quality, 0.02)]
        hates = once[given > np.where(suits_once, 1.0, 0.95)]
        saves = likes[rng.random(len(likes)) < 0.25]

        skipper = np.repeat(np.arange(len(rows)), self._skip_counts[rows])
        strange = rng.random(len(skipper)) < 0.6
        skips = self._pick(rows, taste, skipper, strange)
        skipped = self._times(skips, end)
        # Who plays nothing dislikes a lot.
        sour = self._play_counts[rows][skipper] == 0
        angry = rng.random(len(skipper)) < np.where(
            sour, 0.4, np.where(skips.suits, 0.0, 0.08)
        )

        duration = self._duration[song]
        reacted = begin + np.minimum(self._duration[picks.song], 45)
        parts = [
            (PLAY, player, song, time),
            (COMPLETE, player[ends], song[ends], (time + duration)[ends]),
            (SHARE, player[shares], song[shares], (time + 60)[shares]),
            (LIKE, picks.listener[likes], picks.song[likes], reacted[likes]),
            (SAVE, picks.listener[saves], picks.song[saves], reacted[saves] + 5),
            (DISLIKE, picks.listener[hates], picks.song[hates], reacted[hates]),
            (SKIP, skipper, skips.song, skipped),
            (DISLIKE, skipper[angry], skips.song[angry], skipped[angry] + 3),
        ]
        listener = np.concatenate([part[1] for part in parts])
        songs = np.concatenate([part[2] for part in parts])
        times = np.concatenate([part[3] for part in parts])
        kinds = np.repeat(
            np.array([part[0] for part in parts]), [len(part[1]) for part in parts]
        )
        order = np.argsort((listener << 40) + times, kind="stable")
        order = order[times[order] < end[listener[order]]]
        return _Events(rows[listener[order]], songs[order], kinds[order], times[order])

    def _times(self, picks: _Picks, end: Ints) -> Ints:
        """Return a time for each choice, after the song and before the end."""
        low = self._earliest[picks.song]
        span = end[picks.listener] - low
        return low + (span * self._rng.random(len(low))).astype(np.int64)

    def _interactions(self, events: _Events, done: int) -> pa.Table:
        count = len(events.listener)
        columns = {
            "event_id": event_ids(done + 1, count, len(str(2 * self._plays))),
            "user_id": self.user_ids.take(pa.array(events.listener)),
            "song_id": self._song_ids.take(pa.array(events.song)),
            "interaction_type": pa.array(TYPES).take(pa.array(events.kind)),
            "occurred_at": pa.array(events.time * 1_000_000).cast(pa.timestamp("us")),
            "weight": pa.array(np.ones(count)),
        }
        schema = SCHEMAS["interactions"]
        return pa.table([columns[name] for name in schema.names], schema=schema)

    def _playlists(self, rows: Ints, taste: Floats, done: int) -> pa.Table:
        rng = self._rng
        owner = np.repeat(np.arange(len(rows)), self._playlist_counts[rows])
        size = rng.integers(8, 31, len(owner))
        listener = np.repeat(owner, size)
        playlist = np.repeat(np.arange(len(owner)), size)
        picks = self._pick(rows, taste, listener, rng.random(len(listener)) < 0.2)
        # A playlist names a song once.
        _, once = np.unique(
            playlist * len(self._weight) + picks.song, return_index=True
        )
        once.sort()
        playlist, song = playlist[once], picks.song[once]
        start = np.searchsorted(playlist, playlist)
        anonymous = (rng.random(len(owner)) < 0.1)[playlist]
        row = rows[owner[playlist]]

        handles = np.array([self._handle(number) for number in rows[owner]], object)
        width = max(3, len(str(int(self._playlist_counts.sum()))))
        names = [f"playlist-{done + n:0{width}d}" for n in range(1, len(owner) + 1)]
        columns = {
            "playlist_id": np.array(names, object)[playlist],
            "owner_id": pa.array(
                self.user_ids.take(pa.array(row)).to_numpy(zero_copy_only=False),
                pa.string(),
                mask=anonymous,
            ),
            "owner_handle": pa.array(handles[playlist], pa.string(), mask=anonymous),
            "song_position": (np.arange(len(song)) - start + 1).astype(np.int32),
            "song_id": self._song_ids.take(pa.array(song)),
            "exported_at": pa.repeat(
                pa.scalar(self._until, pa.timestamp("us")), len(song)
            ),
        }
        schema = SCHEMAS["playlists"]
        return pa.table([columns[name] for name in schema.names], schema=schema)

    def _handle(self, row: int) -> str | None:
        if row >= len(self._listens_as):
            # Creators of an invented catalogue have the first handles.
            return words.handle(len(self._creator_ids) + row)
        song = self._by_owner[np.searchsorted(self._owners, self._listens_as[row])]
        name: str | None = self._creator_names[int(song)].as_py()
        return name


def event_ids(first: int, count: int, digits: int) -> pa.Array:
    """Return ``e00001`` and so on from number ``first``, with at least 5 digits."""
    numbers = pa.array(np.arange(first, first + count)).cast(pa.string())
    padded = pc.utf8_lpad(numbers, max(5, digits), "0")
    return pc.binary_join_element_wise(pa.scalar("e"), padded, pa.scalar(""))


def _quality(plays: Floats, upvotes: Floats) -> Floats:
    """Return the rank of upvotes per play in 0…1; 0.5 where it is unknown.

    Twenty plays at the average rate are added, so that one upvote of one play is not
    the best song.
    """
    known = np.isfinite(plays) & np.isfinite(upvotes)
    quality = np.full(len(plays), 0.5)
    if known.sum() > 1:
        average = upvotes[known].sum() / max(plays[known].sum(), 1.0)
        rate = (upvotes[known] + 20 * average) / (plays[known] + 20)
        order = np.argsort(rate, kind="stable")
        ranks = np.empty(len(order))
        ranks[order] = np.linspace(0, 1, len(order))
        quality[known] = ranks
    return quality


def _share_out(
    rng: np.random.Generator, plays: int, listeners: int, sour: Ints, light: Ints
) -> Ints:
    """Return plays per listener, in all ``plays``: none, 1 to 4, or log-normal."""
    counts = np.zeros(listeners, dtype=np.int64)
    few = rng.integers(1, 5, len(light))
    # With few plays to share out, the first light listeners take a quarter.
    few[np.cumsum(few) > plays // 4] = 0
    counts[light] = few
    activity = rng.lognormal(0, 1.0, listeners)
    activity[sour] = activity[light] = 0.0
    exact = activity / activity.sum() * (plays - few.sum())
    counts += np.floor(exact).astype(np.int64)
    missing = plays - int(counts.sum())
    # The largest remainders get the rest.
    counts[np.argsort(np.floor(exact) - exact, kind="stable")[:missing]] += 1
    return counts
