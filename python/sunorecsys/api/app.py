"""The application: routes, and what an error becomes."""

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import metadata
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect

from sunorecsys import reader
from sunorecsys.api import shapes
from sunorecsys.api.cache import Cache
from sunorecsys.api.middleware import Limit, Observe, log_to_stderr
from sunorecsys.api.settings import Settings
from sunorecsys.errors import (
    InvalidEvent,
    SunorecsysError,
    UnknownListener,
    UnknownSong,
    UsageError,
)
from sunorecsys.feedback import Receipt
from sunorecsys.pages.routes import add_pages
from sunorecsys.search import MOST_CHARACTERS
from sunorecsys.serving import Service, View

# answers over this size are compressed for those who accept it
_COMPRESS_FROM = 1000

_bearer = HTTPBearer(
    auto_error=False,
    description="Needed only if the server was started with hashes of tokens.",
)
_Token = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]

_Way = Literal["words", "sound"]
_Channel = Literal["blended", "item_cf", "content", "prompt"]
_PathId = Annotated[str, Path(max_length=512, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]

_Answers = dict[int | str, dict[str, Any]]
_COMMON: _Answers = {
    401: {"model": shapes.Problem, "description": "The token is wrong or missing."},
    422: {"model": shapes.WrongRequest, "description": "The request is wrong."},
    503: {"model": shapes.Problem, "description": "No release can be read now."},
}
_NOT_FOUND: _Answers = {
    404: {"model": shapes.UnknownId, "description": "The listener or song is unknown."},
}
_NOT_CHANGED: _Answers = {
    304: {"description": "The answer is the one that If-None-Match names."},
}
_BODY: _Answers = {
    400: {"model": shapes.Problem, "description": "The body is no JSON."},
    413: {"model": shapes.Problem, "description": "The body is too large."},
}


def create_app(service: Service, settings: Settings) -> FastAPI:
    """Return the application that answers from a service."""
    log_to_stderr()
    registry = CollectorRegistry()
    measures = _Measures(registry)
    cache = Cache(settings.cache_bytes)
    app = FastAPI(
        title="sunorecsys",
        version=metadata.version("sunorecsys"),
        description="Explained music recommendations, and feedback on them.",
    )
    # the last one added is the first to see a request. The limit is our own, because
    # FastAPI's stands outside of all, where nothing is logged
    app.add_middleware(Limit, max_bytes=settings.max_request_bytes)
    app.add_middleware(GZipMiddleware, minimum_size=_COMPRESS_FROM, compresslevel=5)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match"],
            expose_headers=["ETag", "X-Request-ID"],
        )
    app.add_middleware(
        Observe, requests=measures.requests, seconds=measures.request_seconds
    )
    _handle_errors(app)

    async def may_read(token: _Token) -> None:
        if not settings.may_read(token.credentials if token else None):
            raise _unauthorized()

    async def may_write(token: _Token) -> None:
        given = token.credentials if token else None
        if settings.may_write(given):
            return
        if settings.read_hash is not None and settings.may_read(given):
            raise HTTPException(403, "This token may read but not write.")
        raise _unauthorized()

    reading = [Depends(may_read)]

    def answer(
        request: Request,
        key: tuple[Any, ...],
        make: Callable[[View], Any],
        user_id: str | None = None,
    ) -> Response:
        """Return a stored or a new answer, or that nothing has changed."""
        with service.view() as view:
            # of this question, so that only who was answered before has it
            tag = f"{view.tag(user_id)}.{_digest(key)}"
            headers = {"ETag": f'W/"{tag}"', "Cache-Control": "private, no-cache"}
            if request.method == "GET" and _matches(request, tag):
                return Response(status_code=304, headers=headers)
            body = cache.get(tag)
            if body is None:
                body = _json(make(view))
                cache.put(tag, body)
                measures.answers.labels("release").inc()
            else:
                measures.answers.labels("cache").inc()
        if request.method != "GET":
            headers = {"Cache-Control": "private, no-store"}
        return Response(body, media_type="application/json", headers=headers)

    def recommend(request: Request, question: shapes.Question) -> Response:
        user, seeds = question.user_id, question.song_ids
        key = (
            "recommend",
            user,
            tuple(seeds) if seeds is not None else None,
            question.n,
            tuple(question.exclude_song_ids),
        )

        def make(view: View) -> dict[str, Any]:
            excluded, unknown = question.exclude_song_ids, list[str]()
            if user is not None:
                rows = view.recommend(user, question.n, excluded)
            else:
                rows, unknown = view.recommend_from(seeds or [], question.n, excluded)
            return reader.recommendations(rows, unknown)

        return answer(request, key, make, user)

    @app.post(
        "/recommend",
        tags=["answers"],
        summary="Songs for a listener, or that go with seed songs",
        response_model=None,
        responses={
            200: {"model": shapes.Recommendations},
            **_COMMON,
            **_NOT_FOUND,
            **_BODY,
        },
        dependencies=reading,
    )
    def post_recommend(request: Request, question: shapes.Question) -> Response:
        return recommend(request, question)

    @app.get(
        "/recommend",
        tags=["answers"],
        summary="Songs for a listener, or that go with seed songs",
        response_model=None,
        responses={
            200: {"model": shapes.Recommendations},
            **_COMMON,
            **_NOT_FOUND,
            **_NOT_CHANGED,
        },
        dependencies=reading,
    )
    def get_recommend(
        request: Request,
        user_id: Annotated[shapes.Id | None, Query(description="A listener.")] = None,
        song_ids: Annotated[
            list[shapes.Id] | None,
            Query(max_length=shapes.MOST_IDS, description="Seed songs; repeat it."),
        ] = None,
        n: Annotated[int, Query(ge=1, le=100, description="How many songs.")] = 30,
        exclude_song_ids: Annotated[
            list[shapes.Id] | None,
            Query(max_length=shapes.MOST_IDS, description="Songs not wanted."),
        ] = None,
    ) -> Response:
        if (user_id is None) == (song_ids is None):
            raise _wrong(["query"], "give user_id or song_ids, one of them")
        question = shapes.Question(
            user_id=user_id,
            song_ids=song_ids,
            n=n,
            exclude_song_ids=exclude_song_ids or [],
        )
        return recommend(request, question)

    @app.get(
        "/similar/{song_id:path}",
        tags=["answers"],
        summary="The songs most like one song",
        response_model=None,
        responses={
            200: {"model": shapes.SimilarSongs},
            **_COMMON,
            **_NOT_FOUND,
            **_NOT_CHANGED,
        },
        dependencies=reading,
    )
    def get_similar(
        request: Request,
        song_id: _PathId,
        n: Annotated[int, Query(ge=1, le=100, description="How many songs.")] = 10,
        channel: Annotated[_Channel, Query(description="Who compares.")] = "blended",
    ) -> Response:
        def make(view: View) -> dict[str, Any]:
            rows = view.similar(song_id, n, channel)
            return {"song_id": song_id, "similar_songs": rows, "count": len(rows)}

        return answer(request, ("similar", song_id, n, channel), make)

    @app.get(
        "/search",
        tags=["answers"],
        summary="Songs that words are about",
        response_model=None,
        responses={200: {"model": shapes.FoundSongs}, **_COMMON},
        dependencies=reading,
    )
    def get_search(
        q: Annotated[
            str,
            Query(min_length=1, max_length=MOST_CHARACTERS, description="The words."),
        ],
        n: Annotated[int, Query(ge=1, le=100, description="How many songs.")] = 10,
        by: Annotated[
            _Way | None,
            Query(description="Default: sound if CLAP heard the songs, else words."),
        ] = None,
    ) -> Response:
        # no tag: it also depends on files of CLAP, which no release knows
        with service.view() as view:
            try:
                return _response(view.search(q, n, by))
            except UsageError as error:
                raise _wrong(["query", "q"], str(error)) from error

    @app.get(
        "/explain/{user_id}/{song_id:path}",
        tags=["answers"],
        summary="Where the score of a song comes from, for any song",
        response_model=None,
        responses={
            200: {"model": shapes.Explanation},
            **_COMMON,
            **_NOT_FOUND,
            **_NOT_CHANGED,
        },
        dependencies=reading,
    )
    def get_explain(request: Request, user_id: _PathId, song_id: _PathId) -> Response:
        def make(view: View) -> dict[str, Any]:
            rows = view.explain(user_id, song_id)
            score = math.fsum(row["contribution"] for row in rows)
            return {
                "user_id": user_id,
                "song_id": song_id,
                "score": round(score, 9),
                "contributions": rows,
            }

        return answer(request, ("explain", user_id, song_id), make, user_id)

    @app.get(
        "/why-not/{user_id}/{song_id:path}",
        tags=["answers"],
        summary="What keeps a song out of a listener's playlist",
        response_model=None,
        responses={
            200: {"model": shapes.WhyNot},
            **_COMMON,
            **_NOT_FOUND,
            **_NOT_CHANGED,
        },
        dependencies=reading,
    )
    def get_why_not(request: Request, user_id: _PathId, song_id: _PathId) -> Response:
        return answer(
            request,
            ("why-not", user_id, song_id),
            lambda view: view.why_not(user_id, song_id),
            user_id,
        )

    @app.post(
        "/feedback",
        tags=["feedback"],
        summary="What listeners did; the next answers respect it",
        status_code=202,
        response_model=None,
        responses={
            202: {"model": shapes.Received, "description": "All of it is on disk."},
            403: {"model": shapes.Problem, "description": "The token may only read."},
            **_COMMON,
            **_BODY,
        },
        dependencies=[Depends(may_write)],
    )
    def post_feedback(feedback: shapes.Feedback) -> Response:
        place: list[str | int] = ["body"]
        if isinstance(feedback, shapes.FeedbackBatch):
            place, events = ["body", "events"], feedback.events
        else:
            events = [feedback]
        try:
            receipt = service.tell([event.model_dump() for event in events])
        except InvalidEvent as error:
            raise _wrong([*place, error.position], str(error)) from error
        measures.hear(receipt)
        body = {
            "accepted": receipt.accepted,
            "repeated": receipt.repeated,
            "event_ids": receipt.event_ids,
        }
        return JSONResponse(body, status_code=202)

    @app.get(
        "/health",
        tags=["server"],
        summary="Whether there is a release to answer from",
        response_model=None,
        responses={200: {"model": shapes.Health}, 503: {"model": shapes.NoHealth}},
    )
    def get_health() -> Response:
        try:
            with service.view() as view:
                info = view.info()
        except SunorecsysError as error:
            body = {"status": "unavailable", "reason": str(error)}
            return JSONResponse(body, status_code=503)
        return _response(
            {
                "status": "ok",
                "release_id": info["release_id"],
                "as_of": info["as_of"],
            }
        )

    @app.get(
        "/info",
        tags=["server"],
        summary="What the release says of itself",
        response_model=None,
        responses={200: {"model": dict[str, Any]}, **_COMMON},
        dependencies=reading,
    )
    def get_info() -> Response:
        with service.view() as view:
            return _response(view.info())

    @app.get(
        "/metrics",
        tags=["server"],
        summary="Measures for Prometheus",
        response_class=Response,
        response_model=None,
        responses={
            200: {"content": {CONTENT_TYPE_LATEST.split(";")[0]: {}}},
            401: _COMMON[401],
        },
        dependencies=reading,
    )
    def get_metrics() -> Response:
        try:
            with service.view() as view:
                measures.see(view.info())
        except SunorecsysError:
            measures.see(None)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    add_pages(app, service, settings, measures.hear)
    return app


class _Measures:
    """What Prometheus is told."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "sunorecsys_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "sunorecsys_request_seconds",
            "Seconds until an answer was sent.",
            ["route"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
            registry=registry,
        )
        self.answers = Counter(
            "sunorecsys_answers",
            "Answers by where they came from: the release or the cache.",
            ["source"],
            registry=registry,
        )
        self.feedback = Counter(
            "sunorecsys_feedback_events",
            "Events of feedback: accepted, or repeated and so left out.",
            ["result"],
            registry=registry,
        )
        self.release = Gauge(
            "sunorecsys_release",
            "The release that serves has the value 1.",
            ["release_id"],
            registry=registry,
        )
        self.as_of = Gauge(
            "sunorecsys_release_as_of_timestamp_seconds",
            "Up to when the release knows what happened; 0 without a release.",
            registry=registry,
        )

    def hear(self, receipt: Receipt) -> None:
        self.feedback.labels("accepted").inc(receipt.accepted)
        self.feedback.labels("repeated").inc(receipt.repeated)

    def see(self, info: dict[str, Any] | None) -> None:
        self.release.clear()
        self.as_of.set(0)
        if info is not None:
            self.release.labels(info["release_id"]).set(1)
            self.as_of.set(info["as_of"].replace(tzinfo=UTC).timestamp())


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(UnknownSong)
    async def unknown_song(_: Request, error: UnknownSong) -> Response:
        body = {"detail": str(error), "nearest": error.nearest}
        return JSONResponse(body, status_code=404)

    @app.exception_handler(UnknownListener)
    async def unknown_listener(_: Request, error: UnknownListener) -> Response:
        return JSONResponse({"detail": str(error)}, status_code=404)

    # no release, a disk that refuses, a blocklist that is damaged: it may be mended
    @app.exception_handler(SunorecsysError)
    async def not_now(_: Request, error: SunorecsysError) -> Response:
        headers = {"Retry-After": "5"}
        return JSONResponse({"detail": str(error)}, status_code=503, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def wrong_request(_: Request, error: RequestValidationError) -> Response:
        # never the input: it may be long, secret, or no JSON at all
        wrong = [
            {
                "loc": [_short(part) for part in problem["loc"]],
                "msg": problem["msg"],
                "type": problem["type"],
            }
            for problem in error.errors()[:20]
        ]
        return JSONResponse({"detail": wrong}, status_code=422)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, error: ClientDisconnect) -> Response:
        return JSONResponse({"detail": "The body was cut off."}, status_code=400)


def _short(part: str | int) -> str:
    # names of fields come from strangers: half a character has no UTF-8
    return str(part)[:100].encode("utf-8", "replace").decode()


def _unauthorized() -> HTTPException:
    return HTTPException(
        401,
        "This server needs a token: Authorization: Bearer …",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _wrong(place: Sequence[str | int], message: str) -> RequestValidationError:
    return RequestValidationError(
        [{"loc": list(place), "msg": message, "type": "value_error"}]
    )


def _matches(request: Request, tag: str) -> bool:
    asked = request.headers.get("if-none-match")
    if asked is None:
        return False
    tags = {part.strip().removeprefix("W/").strip('"') for part in asked.split(",")}
    return tag in tags


def _digest(key: tuple[Any, ...]) -> str:
    """Return a question in 32 characters: 1,000 ids are longer than the answer."""
    return hashlib.sha256(repr(key).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _response(body: Any) -> Response:
    return Response(_json(body), media_type="application/json")


def _json(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, allow_nan=False, default=_plain).encode(
        "utf-8", "replace"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        # UTC throughout, which a date-time of OpenAPI has to say
        return f"{value.isoformat()}Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return str(value)
