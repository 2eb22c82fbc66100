"""Which page answers which address."""

import hashlib
from collections.abc import Callable, Coroutine
from datetime import date
from importlib import resources
from typing import Annotated, Any
from urllib.parse import parse_qs, urlencode

import jinja2
from fastapi import APIRouter, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles

from sunorecsys import lock
from sunorecsys.api import shapes
from sunorecsys.api.settings import Settings
from sunorecsys.errors import (
    InvalidEvent,
    NoRelease,
    SunorecsysError,
    UnknownListener,
    UnknownSong,
)
from sunorecsys.feedback import Receipt
from sunorecsys.pages import access, data, drawing
from sunorecsys.reader import CHANNELS, SIMILAR_CHANNELS
from sunorecsys.release import manage
from sunorecsys.serving import Service, View

# what a search shows at most
_MOST_FOUND = 12

# songs in a tray, so that its address stays short
_MOST_SEEDS = 20

_CHANNEL_NAMES = {
    "item_cf": "Played together",
    "content": "Sounds alike",
    "prompt": "Written alike",
    "user_cf": "Listeners like you",
    "quality": "Quality",
    "blended": "All together",
    "popularity": "Popular",
    "discover_weekly": "Discover Weekly",
}

_User = Annotated[shapes.Id, Query()]
_Song = Annotated[shapes.Id, Query()]
_Text = Annotated[str, Query(max_length=200)]
_Weight = Annotated[float | None, Query(ge=0, le=1e6, allow_inf_nan=False)]
_Seeds = Annotated[list[shapes.Id] | None, Query(max_length=_MOST_SEEDS)]


def add_pages(
    app: FastAPI,
    service: Service,
    settings: Settings,
    hear: Callable[[Receipt], None],
) -> None:
    """Let an application show pages beside what it answers to programs.

    Args:
        hear: gets told what was received of feedback.
    """
    static = resources.files("sunorecsys.pages") / "static"
    app.mount("/static", StaticFiles(directory=str(static)), name="static")
    app.include_router(_router(service, settings, hear))


def _router(
    service: Service, settings: Settings, hear: Callable[[Receipt], None]
) -> APIRouter:
    render = _Renderer(service, settings)

    class Page(APIRoute):
        """A route that answers with a page, also when something is wrong."""

        def get_route_handler(
            self,
        ) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handled(request: Request) -> Response:
                try:
                    response = await self._answer(request, handle)
                except (
                    HTTPException,
                    RequestValidationError,
                    SunorecsysError,
                ) as error:
                    response = await run_in_threadpool(render.problem, request, error)
                access.protect(response)
                return response

            return handled

        async def _answer(
            self,
            request: Request,
            handle: Callable[[Request], Coroutine[Any, Any, Response]],
        ) -> Response:
            if self.path == "/sign-in":
                return await handle(request)
            if not settings.may_read(access.token(request)):
                here = request.url.path if request.method == "GET" else "/"
                if request.method == "GET" and request.url.query:
                    here += f"?{request.url.query}"
                return RedirectResponse(f"/sign-in?{urlencode({'to': here})}", 303)
            return await handle(request)

    router = APIRouter(
        route_class=Page, include_in_schema=False, default_response_class=HTMLResponse
    )

    @router.get("/")
    def get_weekly(
        request: Request, user: shapes.Id | None = None, week: date | None = None
    ) -> Response:
        with service.view() as view:
            if user is None:
                found = data.find_listeners(view, "", _MOST_FOUND)
                return render(request, view, "listeners.html", found=found, text="")
            shown = data.playlist(view, user, week)
            return render(request, view, "weekly.html", user=user, playlist=shown)

    @router.get("/listeners")
    def get_listeners(request: Request, q: _Text = "") -> Response:
        with service.view() as view:
            found = data.find_listeners(view, q.strip(), _MOST_FOUND)
            return render(request, view, "listeners.html", found=found, text=q)

    @router.get("/why")
    def get_why(request: Request, user: _User, song: _Song) -> Response:
        with service.view() as view:
            return render(
                request,
                view,
                "why.html",
                user=user,
                song=data.song(view, song),
                why_not=_why_not(view, user, song),
                reasons=data.reasons(view, user, song),
                similar=data.similar(view, song, 4, "blended"),
            )

    @router.get("/why-not-search")
    def get_why_not_search(request: Request, user: _User, q: _Text = "") -> Response:
        with service.view() as view:
            found = data.find_songs(view, q, _MOST_FOUND)
            return render(
                request, view, "why_not_search.html", user=user, text=q, found=found
            )

    @router.get("/what-if")
    def get_what_if(
        request: Request,
        user: _User,
        item_cf: _Weight = None,
        content: _Weight = None,
        prompt: _Weight = None,
        user_cf: _Weight = None,
        quality: _Weight = None,
    ) -> Response:
        given = (item_cf, content, prompt, user_cf, quality)
        with service.view() as view:
            own = view.weights(user)
            asked = {
                name: own[name] if weight is None else weight
                for name, weight in zip(CHANNELS, given, strict=True)
            }
            rows = view.reblend(user, asked)
            n = view.info()["settings"]["playlist_length"]
            songs = [
                row | {"channel_scores": {one: row[f"{one}_score"] for one in CHANNELS}}
                for row in data.with_cards(view, rows[:n])
            ]
            return render(
                request,
                view,
                "what_if.html",
                user=user,
                own=own,
                weights=asked,
                songs=songs,
                length=n,
            )

    @router.get("/song")
    def get_song(request: Request, id: _Song) -> Response:
        with service.view() as view:
            return render(
                request,
                view,
                "song.html",
                song=data.song(view, id),
                similar={
                    name: data.similar(view, id, 6, name) for name in SIMILAR_CHANNELS
                },
            )

    @router.get("/songs")
    def get_songs(request: Request, q: _Text = "", seed: _Seeds = None) -> Response:
        seeds = list(dict.fromkeys(seed or []))
        with service.view() as view:
            known = data.cards(view, seeds)
            return render(
                request,
                view,
                "songs.html",
                text=q,
                found=data.find_songs(view, q, 2 * _MOST_FOUND),
                tray=[known[one] for one in seeds if one in known],
                is_full=len(seeds) >= _MOST_SEEDS,
            )

    @router.get("/mix")
    def get_mix(request: Request, seed: _Seeds = None) -> Response:
        seeds = list(dict.fromkeys(seed or []))
        with service.view() as view:
            n = view.info()["settings"]["playlist_length"]
            # a song that nobody may get names itself in no reason
            known = data.cards(view, seeds)
            tray = [known[one] for one in seeds if one in known]
            rows, _ = view.recommend_from([one["song_id"] for one in tray], n)
            return render(
                request,
                view,
                "mix.html",
                tray=tray,
                songs=data.with_cards(view, rows),
            )

    @router.get("/ops")
    def get_operations(request: Request) -> Response:
        with service.view() as view:
            return render(
                request,
                view,
                "ops.html",
                builds=data.last_builds(service.landing),
                releases=data.releases(service),
                may_roll_back=access.may_roll_back(settings, access.token(request)),
                **data.operations(view),
            )

    @router.post("/not-for-me")
    async def post_not_for_me(request: Request) -> Response:
        form = await _form(request)
        if not settings.may_write(access.token(request)):
            raise HTTPException(403, "This token may read but not write.")
        event = {
            "user_id": form.get("user", ""),
            "song_id": form.get("song", ""),
            "interaction_type": "dislike",
        }
        hear(await run_in_threadpool(service.tell, [event]))
        return RedirectResponse(f"/?{urlencode({'user': event['user_id']})}", 303)

    @router.post("/rollback")
    async def post_rollback(request: Request) -> Response:
        form = await _form(request)
        if not access.may_roll_back(settings, access.token(request)):
            raise HTTPException(403, "Only the token that may write can roll back.")
        release = form.get("release", "")
        await run_in_threadpool(manage.roll_back, service.releases, release)
        return RedirectResponse("/ops", 303)

    @router.get("/sign-in")
    def get_sign_in(request: Request, to: str = "/") -> Response:
        return render.without_release(request, "sign_in.html", to=access.local_path(to))

    @router.post("/sign-in")
    async def post_sign_in(request: Request) -> Response:
        form = await _form(request)
        to, token = access.local_path(form.get("to", "/")), form.get("token", "")
        # where anybody may read, that says nothing of a token
        is_reader = settings.read_hash is not None and settings.may_read(token)
        if not token or not (is_reader or settings.may_write(token)):
            page = render.without_release(request, "sign_in.html", to=to, is_wrong=True)
            page.status_code = 401
            return page
        response = RedirectResponse(to, 303)
        access.remember(response, token, request)
        return response

    @router.post("/sign-out")
    async def post_sign_out(request: Request) -> Response:
        await _form(request)
        response = RedirectResponse("/", 303)
        access.forget(response)
        return response

    return router


def _why_not(view: View, user_id: str, song_id: str) -> dict[str, Any] | None:
    """Return what keeps a song out; None for whom only feedback knows."""
    try:
        return view.why_not(user_id, song_id)
    except UnknownListener:
        return None


async def _form(request: Request) -> dict[str, str]:
    """Return the fields of a form that was sent from a page of this server.

    Raises:
        HTTPException: it comes from elsewhere, or is no form.
    """
    if not access.is_from_here(request):
        raise HTTPException(403, "This form was sent from another site.")
    try:
        body = (await request.body()).decode()
        fields = parse_qs(body, keep_blank_values=True, max_num_fields=10)
    except ValueError as error:
        raise HTTPException(422, "This is no form.") from error
    return {name: values[-1] for name, values in fields.items()}


class _Renderer:
    """Makes pages of templates, every value escaped."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self._service = service
        self._settings = settings
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("sunorecsys.pages"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {
            "CHANNELS": CHANNELS,
            "CHANNEL_NAMES": _CHANNEL_NAMES,
            "bar": drawing.bar,
            "span": drawing.span,
            "zero": drawing.zero,
            "cover_of": drawing.cover,
            "link": _link,
            "version": _version(),
        }
        self._templates.filters |= {
            "web_url": drawing.web_url,
            "clock": drawing.clock,
            "day": drawing.day,
            "minute": drawing.minute,
            "percent": drawing.percent,
        }

    def __call__(
        self, request: Request, view: View, template: str, **values: Any
    ) -> HTMLResponse:
        """Return a page of the release that answers."""
        newest = data.newest_release(self._service)
        is_newest = newest is None or view.release_id == newest
        return self._page(
            request,
            template,
            info=view.info(),
            newer_release=None if is_newest else newest,
            **values,
        )

    def without_release(
        self, request: Request, template: str, **values: Any
    ) -> HTMLResponse:
        """Return a page that needs no release."""
        return self._page(request, template, info=None, newer_release=None, **values)

    def problem(self, request: Request, error: Exception) -> HTMLResponse:
        """Return the page that says what is wrong, and what to do."""
        nearest: list[dict[str, str]] = []
        status, title, detail = 503, "Not now", str(error)
        if isinstance(error, NoRelease):
            title = "There is no release to show"
        elif isinstance(error, UnknownListener):
            status, title = 404, "This listener is unknown"
        elif isinstance(error, UnknownSong):
            status, title, nearest = 404, "There is no such song", error.nearest
            detail = "It is not in this release, or nobody may get it."
        elif isinstance(error, InvalidEvent):
            status, title = 422, "This cannot be told"
        elif isinstance(error, HTTPException):
            status, title, detail = error.status_code, "Not allowed", error.detail
        elif isinstance(error, RequestValidationError):
            status, title = 422, "This address is wrong"
            detail = "Part of it is missing, too long, or out of range."
        page = self.without_release(
            request, "problem.html", title=title, detail=detail, nearest=nearest
        )
        page.status_code = status
        return page

    def _page(self, request: Request, template: str, **values: Any) -> HTMLResponse:
        token = access.token(request)
        content = self._templates.get_template(template).render(
            building=lock.holder(self._service.releases),
            may_write=self._settings.may_write(token),
            is_signed_in=token is not None,
            has_tokens=bool(self._settings.read_hash or self._settings.write_hash),
            path=request.url.path,
            **values,
        )
        # half a character has no UTF-8
        return HTMLResponse(content.encode("utf-8", "replace"))


def _link(path: str, **fields: Any) -> str:
    """Return the address of a page; a field of None is left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def _version() -> str:
    """Return what changes when a script or style does, for their addresses."""
    folder = resources.files("sunorecsys.pages") / "static"
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:10]
