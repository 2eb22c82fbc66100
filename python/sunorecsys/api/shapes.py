"""What goes in and comes out, as OpenAPI shows it."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

MOST_IDS = 1000
MOST_EVENTS = 1000

Id = Annotated[
    str,
    # no control characters
    Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$"),
]
Count = Annotated[int, Field(ge=1, le=100, strict=True)]


class Question(BaseModel):
    """A listener, or seed songs."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"user_id": "listener-005", "n": 10},
                {"song_ids": ["song-0001", "song-0002"], "n": 10},
            ]
        },
    )

    user_id: Id | None = Field(None, description="A listener; or seed songs.")
    song_ids: Annotated[list[Id], Field(max_length=MOST_IDS)] | None = Field(
        None, description="Seed songs; an empty list gives popular, varied songs."
    )
    n: Count = Field(30, description="How many songs.")
    exclude_song_ids: Annotated[list[Id], Field(max_length=MOST_IDS)] = Field(
        [], description="Songs that are not wanted."
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.user_id is None) == (self.song_ids is None):
            raise ValueError("give user_id or song_ids, one of them")
        return self


class FeedbackEvent(BaseModel):
    """What a listener did with a song."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "event_id": "b2b7c9d2-1",
                    "user_id": "listener-005",
                    "song_id": "song-0001",
                    "interaction_type": "like",
                }
            ]
        },
    )

    user_id: Id
    song_id: Id
    interaction_type: Annotated[str, Field(max_length=100)] = Field(
        "play", description="play, complete, like, save, share, skip or dislike."
    )
    occurred_at: datetime | None = Field(
        None, description="When; UTC if it has no offset. Default: now."
    )
    weight: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)] = Field(
        1, description="How many events of this type it stands for."
    )
    event_id: Id | None = Field(
        None, description="Makes a retry harmless. Default: a new one."
    )


class FeedbackBatch(BaseModel):
    """Several events, all or none of which are kept."""

    model_config = ConfigDict(extra="forbid")

    events: Annotated[list[FeedbackEvent], Field(min_length=1, max_length=MOST_EVENTS)]


def _form(value: Any) -> str:
    if isinstance(value, FeedbackBatch):
        return "events"
    return "events" if isinstance(value, dict) and "events" in value else "event"


Feedback = Annotated[
    Annotated[FeedbackEvent, Tag("event")] | Annotated[FeedbackBatch, Tag("events")],
    Discriminator(_form),
]


class ChannelScores(BaseModel):
    """What each channel gave, weighted; they add up to the score."""

    item_cf: float
    content: float
    prompt: float
    user_cf: float
    quality: float


class Recommendation(BaseModel):
    """A song and why."""

    rank: int
    song_id: str
    title: str
    creator_name: str | None
    genre: str | None
    score: float
    channel_scores: ChannelScores
    primary_channel: str
    reason: str


class Recommendations(BaseModel):
    """A list of songs, best first."""

    recommendations: list[Recommendation]
    count: int
    unknown_song_ids: list[str] = Field(
        default=[], description="Seed songs that were left out; only if there are any."
    )


class SimilarSong(BaseModel):
    """A song that resembles another one."""

    similarity_rank: int
    song_id: str
    title: str
    creator_name: str | None
    genre: str | None
    similarity: float


class SimilarSongs(BaseModel):
    """The songs most like one song."""

    song_id: str
    similar_songs: list[SimilarSong]
    count: int


class FoundSong(BaseModel):
    """A song that words are about."""

    search_rank: int
    song_id: str
    title: str
    creator_name: str | None
    genre: str | None
    score: float = Field(
        description="By sound a cosine, by words a sum over the words."
    )


class FoundSongs(BaseModel):
    """The songs that words are about, the best first."""

    text: str
    searched_by: Literal["words", "sound"]
    why: str = Field(description="Why it was searched so.")
    songs: list[FoundSong]
    count: int


class Contribution(BaseModel):
    """What one song of the listener gave to a score in a channel."""

    channel: str
    seed_song_id: str | None
    seed_title: str | None
    contribution: float


class Explanation(BaseModel):
    """Where a score comes from; the contributions add up to it."""

    user_id: str
    song_id: str
    score: float
    contributions: list[Contribution]


class Rule(BaseModel):
    """A rule, and what it says of a song."""

    rule: str
    detail: str


class WhyNot(BaseModel):
    """What keeps a song out of a playlist."""

    user_id: str
    song_id: str
    recommendation_rank: int | None = Field(
        description="Null: it is not among the songs that are stored for the listener."
    )
    blended_score: float
    score_needed: float | None = Field(
        description="Lowest score of a song in the playlist that breaks no rule."
    )
    gap: float | None = Field(description="score_needed less blended_score.")
    rules: list[Rule] = Field(description="The strongest first.")


class Received(BaseModel):
    """What became of feedback: all of it is on disk."""

    accepted: int
    repeated: int = Field(description="Known already by their event_id.")
    event_ids: list[str]


class Health(BaseModel):
    """Whether there is a release to answer from."""

    status: str
    release_id: str
    as_of: datetime


class Problem(BaseModel):
    """Why it could not be done, and what to do."""

    detail: str


class NoHealth(BaseModel):
    """Why nothing can be answered."""

    status: str
    reason: str


class Song(BaseModel):
    """A song by its id."""

    song_id: str
    title: str


class UnknownId(Problem):
    """What is unknown; for a song with the nearest ones."""

    nearest: list[Song] = []


class WrongField(BaseModel):
    """One thing that is wrong with a request."""

    loc: list[str | int]
    msg: str
    type: str


class WrongRequest(BaseModel):
    """All that is wrong with a request."""

    detail: list[WrongField]
