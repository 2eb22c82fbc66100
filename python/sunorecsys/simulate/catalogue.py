"""Invented songs: a whole catalogue for when there is none."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sunorecsys.landing import SCHEMAS
from sunorecsys.simulate import words

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# Songs appear for so many weeks before the first listening event.
WEEKS_BEFORE_LISTENING = 14

_DAY = 86_400
_LANGUAGES = tuple(words.LANGUAGES.values())
_LANGUAGE_NAMES = tuple(words.LANGUAGES)
_VERSIONS = ("v3.5", "v4", "v4.5", "v5")
# Random numbers per song: 24 for title and tags, the others for the lyrics.
_DRAWS = 64


def identifiers(prefix: str, count: int, digits: int) -> list[str]:
    """Return ``prefix-001`` and so on, with at least that many digits."""
    width = max(digits, len(str(count)))
    return [f"{prefix}-{number:0{width}d}" for number in range(1, count + 1)]


def invent(
    songs: int,
    creators: int,
    *,
    rng: np.random.Generator,
    until: datetime,
    weeks: int = 12,
) -> pa.Table:
    """Invent ``songs`` songs by ``creators`` creators.

    Every creator has at least one song, a home genre with a scene in it, a language
    and a favorite theme. A hidden quality decides how many of the plays become
    upvotes and, in part, how many plays there are; plays follow a power law.

    Args:
        songs: number of songs, at least ``creators``.
        creators: number of creators, at least 1.
        rng: source of everything random.
        until: no song is newer; also the export time.
        weeks: weeks of listening to come; most songs are older than that.

    Returns:
        Songs in the landing schema, by song_id.
    """
    creator = _owners(rng, songs, creators)
    genre, scene = _scenes(rng, creator, creators)
    language = _languages(rng, creator, creators, genre)
    theme = _themes(rng, creator, creators, genre, scene)
    age = _ages(rng, songs, weeks)
    original = _originals(rng, creator)

    versions = original >= 0
    for values in (genre, scene, language, theme):
        values[versions] = values[original[versions]]
    # A version is younger than its original.
    age[versions] = age[original[versions]] * rng.uniform(0.3, 0.95, versions.sum())
    is_remix = versions & (rng.random(songs) < 0.6)

    wordless = np.array([genre.name in words.WORDLESS for genre in words.GENRES])
    is_instrumental = rng.random(songs) < np.where(wordless[genre], 0.35, 0.06)
    is_instrumental[versions] = is_instrumental[original[versions]]

    texts = _texts(
        rng, genre, scene, language, theme, is_instrumental, original, is_remix
    )
    plays, upvotes, comments = _counts(rng, creator, creators, age)
    unknown = rng.random(songs) < 0.02
    # The older the song, the older the model that made it.
    version = np.clip(3.4 - 2.6 * age / age.max() + rng.normal(0, 0.6, songs), 0, 3)

    ids = np.array(identifiers("song", songs, 4), dtype=object)
    without_audio = rng.random(songs) < 0.05
    exported = pa.scalar(until, pa.timestamp("us"))
    creator_ids = np.array(identifiers("creator", creators, 3), dtype=object)
    handles = np.array([words.handle(number) for number in range(creators)], object)
    created = (np.datetime64(until, "s") - age.astype("timedelta64[s]")).astype(
        "datetime64[us]"
    )
    columns: dict[str, Any] = {
        **texts,
        "song_id": ids,
        "creator_id": creator_ids[creator],
        "creator_name": handles[creator],
        "created_at": created,
        "duration_seconds": np.clip(rng.normal(178, 48, songs), 60, 300).round(),
        "model_version": np.array(_VERSIONS, object)[version.astype(np.int64)],
        "audio_url": pa.array(
            "https://audio.example/" + ids + ".mp3", mask=without_audio
        ),
        "image_url": pa.array(
            "https://image.example/" + ids + ".jpeg", mask=rng.random(songs) < 0.02
        ),
        "is_remix": is_remix,
        "is_hidden": rng.random(songs) < 0.015,
        "play_count": pa.array(plays, mask=unknown),
        "upvote_count": pa.array(upvotes, mask=unknown),
        "comment_count": pa.array(comments, mask=unknown),
        "exported_at": pa.repeat(exported, songs),
    }
    schema = SCHEMAS["songs"]
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _owners(rng: np.random.Generator, songs: int, creators: int) -> Ints:
    """Return the creator of each song: each has one, few have many."""
    more = rng.lognormal(0, 0.9, creators)
    others = rng.choice(creators, songs - creators, p=more / more.sum())
    owners = np.concatenate([np.arange(creators), others])
    rng.shuffle(owners)
    return owners.astype(np.int64)


def _scenes(
    rng: np.random.Generator, creator: Ints, creators: int
) -> tuple[Ints, Ints]:
    """Return genre and scene of each song, mostly those of the creator's home."""
    songs = len(creator)
    shares = np.array([genre.share for genre in words.GENRES], dtype=np.float64)
    shares /= shares.sum()
    home = rng.choice(len(shares), creators, p=shares)[creator]
    home_scene = rng.integers(0, words.SCENES, creators)[creator]
    genre = np.where(
        rng.random(songs) < 0.85, home, rng.choice(len(shares), songs, p=shares)
    )
    at_home = (genre == home) & (rng.random(songs) < 0.9)
    return genre, np.where(at_home, home_scene, rng.integers(0, words.SCENES, songs))


def _languages(
    rng: np.random.Generator, creator: Ints, creators: int, genre: Ints
) -> Ints:
    shares = np.array([language.share for language in _LANGUAGES], dtype=np.float64)
    own = rng.choice(len(shares), creators, p=shares / shares.sum())[creator]
    of_genre = np.array(
        [
            _LANGUAGE_NAMES.index(words.HOME_LANGUAGES[genre.name])
            if genre.name in words.HOME_LANGUAGES
            else -1
            for genre in words.GENRES
        ]
    )[genre]
    follows_genre = (of_genre >= 0) & (rng.random(len(creator)) < 0.75)
    return np.where(follows_genre, of_genre, own)


def _themes(
    rng: np.random.Generator, creator: Ints, creators: int, genre: Ints, scene: Ints
) -> Ints:
    """Return the theme of each song: the scene's, the creator's or any."""
    themes = len(words.THEMES)
    of_creator = rng.integers(0, themes, creators)[creator]
    of_scene = (genre * words.SCENES + scene) * 3 % themes
    draw = rng.random(len(creator))
    anything = rng.integers(0, themes, len(creator))
    return np.select([draw < 0.45, draw < 0.7], [of_scene, of_creator], anything)


def _ages(rng: np.random.Generator, songs: int, weeks: int) -> Floats:
    """Return ages in seconds; two of three songs are older than the listening."""
    before = weeks * 7.0
    older = rng.uniform(before, before + WEEKS_BEFORE_LISTENING * 7.0, songs)
    younger = rng.uniform(0.3, before, songs)
    days: Floats = np.where(rng.random(songs) < 0.67, older, younger)
    return np.floor(days * _DAY)


def _originals(rng: np.random.Generator, creator: Ints) -> Ints:
    """Return for one song in sixteen which other song it is a version of, else -1."""
    songs = len(creator)
    by_creator = np.argsort(creator, kind="stable")
    previous = np.full(songs, -1)
    same = creator[by_creator][1:] == creator[by_creator][:-1]
    previous[by_creator[1:][same]] = by_creator[:-1][same]
    chosen = (previous >= 0) & (rng.random(songs) < 0.08)
    # An original is no version itself.
    chosen &= ~chosen[previous]
    return np.where(chosen, previous, -1)


def _counts(
    rng: np.random.Generator, creator: Ints, creators: int, age: Floats
) -> tuple[Ints, Ints, Ints]:
    """Return plays, upvotes and comments of each song."""
    songs = len(creator)
    quality = rng.normal(0, 0.7, creators)[creator] + rng.normal(0, 0.7, songs)
    rank = np.empty(songs)
    rank[np.argsort(-(quality + rng.normal(0, 1.0, songs)), kind="stable")] = np.arange(
        1, songs + 1
    )
    exposure = 1 - np.exp(-age / (10 * _DAY))
    plays = np.floor(
        80 * songs**0.75 * rank**-0.9 * exposure * rng.lognormal(0, 0.3, songs)
    ).astype(np.int64)
    liked = np.clip(0.16 / (1 + np.exp(-quality)), 0.005, 0.6)
    upvotes = rng.binomial(plays, liked * rng.uniform(0.7, 1.3, songs))
    return plays, upvotes, rng.binomial(upvotes, 0.12)


def _texts(
    rng: np.random.Generator,
    genre: Ints,
    scene: Ints,
    language: Ints,
    theme: Ints,
    is_instrumental: npt.NDArray[np.bool_],
    original: Ints,
    is_remix: npt.NDArray[np.bool_],
) -> dict[str, list[str | None]]:
    """Return title, tags, display_tags and prompt of each song."""
    songs = len(genre)
    titles: list[str] = []
    all_tags: list[str] = []
    display_tags: list[str | None] = []
    prompts: list[str | None] = []
    draws = rng.integers(0, 2**31, (songs, _DRAWS), dtype=np.int32)
    for song, row in enumerate(draws.tolist()):
        sung = _LANGUAGES[language[song]]
        all_things = sung.things(theme[song])
        # A song is about four things of its theme.
        things = [
            all_things[(row[4] + number * _step(row[5])) % len(all_things)]
            for number in range(4)
        ]
        titles.append(_title(row, sung, things, theme[song]))
        tags = _tags(row[8:24], genre[song], scene[song], bool(is_instrumental[song]))
        all_tags.append(", ".join(tags))
        display_tags.append(", ".join(tags[:3]) if row[7] % 20 else None)
        prompts.append(
            None if is_instrumental[song] else _lyrics(row[24:], sung, things)
        )

    # A version shares the lyrics, a remix without new words also the title.
    for song in np.flatnonzero(original >= 0).tolist():
        first = original[song]
        prompts[song] = prompts[first]
        if is_remix[song]:
            titles[song] = f"{titles[first]} (Remix)"
        elif draws[song, 0] % 2:
            titles[song] = titles[first]
    return {
        "title": list(titles),
        "tags": list(all_tags),
        "display_tags": display_tags,
        "prompt": prompts,
    }


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def _title(row: list[int], sung: words.Language, things: list[str], theme: int) -> str:
    first = row[0] % len(things)
    second = (first + 1 + row[1] % (len(things) - 1)) % len(things)
    one, two = things[first], things[second]
    bare = one.removeprefix("the ").title(), two.removeprefix("the ").title()
    title = sung.titles[row[2] % len(sung.titles)].format(
        a=one, b=two, A=bare[0], B=bare[1]
    )
    style = row[3] % 40
    if style < 3:
        return f"{_upper_first(title)} {words.EMOJI[theme]}"
    if style == 3:
        return title.upper()
    if style == 4:
        return title.lower()
    if style == 5:
        return f"{_upper_first(title)} (Demo)"
    return _upper_first(title)


def _tags(row: list[int], genre: int, scene: int, is_instrumental: bool) -> list[str]:
    """Return 4 to 10 tags: genre, scene, mood, instrument, voice, tempo."""
    kind = words.GENRES[genre]
    names = (kind.name, kind.name, *kind.synonyms)
    tags = [names[row[0] % len(names)]]
    if row[1] % 4:
        tags.append(kind.scenes[scene][0])
    tags += [
        tag
        for word, tag in zip(row[2:5], kind.scenes[scene][1:], strict=True)
        if word % 2
    ]
    tags.append(words.MOODS[row[5] % len(words.MOODS)])
    if row[6] % 2:
        tags.append(words.INSTRUMENTS[row[7] % len(words.INSTRUMENTS)])
    tags.append(
        "instrumental" if is_instrumental else words.VOICES[row[8] % len(words.VOICES)]
    )
    if row[9] % 2 or len(tags) < 4:
        tags.append(f"{70 + row[10] % 110} bpm")
    return list(dict.fromkeys(tags))


def _lyrics(row: list[int], sung: words.Language, things: list[str]) -> str:
    """Return two verses around a chorus, most with a bridge, some with less."""
    lines = []
    for number in range(14):
        draw = row[2 + number]
        first = draw % len(things)
        second = (first + 1 + draw // 7 % (len(things) - 1)) % len(things)
        line = sung.lines[(row[0] + number * _step(row[1])) % len(sung.lines)]
        line = line.format(a=things[first], b=things[second])
        if draw // 31 % 5 < 3:
            line += sung.comma + sung.tails[draw // 163 % len(sung.tails)]
        lines.append(_upper_first(line))
    verse, chorus, more, bridge = lines[:4], lines[4:8], lines[8:12], lines[12:14]
    parts = [("Verse", verse), ("Chorus", chorus)]
    if row[17] % 5:
        parts += [("Verse", more), ("Chorus", chorus)]
    if row[18] % 3:
        parts += [("Bridge", bridge), ("Chorus", chorus[:2])]
    return "\n\n".join("\n".join([f"[{name}]", *text]) for name, text in parts)


def _step(draw: int) -> int:
    """Return a step that visits all of 8, 12 or 32 before it comes back."""
    return (1, 5, 7, 11)[draw % 4]


def default_creators(songs: int) -> int:
    """Return how many creators an invented catalogue has unless told otherwise."""
    return max(1, songs // 5)


def default_until() -> datetime:
    """Return the Monday on which an invented catalogue ends unless told otherwise."""
    return datetime(2025, 11, 17)


def monday_after(moment: datetime) -> datetime:
    """Return the first Monday midnight that is a day or more after ``moment``."""
    day = moment + timedelta(days=1)
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    if midnight < day:
        midnight += timedelta(days=1)
    return midnight + timedelta(days=-midnight.weekday() % 7)
