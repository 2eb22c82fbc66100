"""Who may see pages: a browser sends its token in a cookie that no script can read."""

from urllib.parse import quote, unquote, urlsplit

from fastapi import Request, Response

from sunorecsys.api.settings import Settings

_COOKIE = "sunorecsys_token"

# what pages may load: scripts and styles of this server, and media that songs name
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' https: data:",
        "media-src https:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def token(request: Request) -> str | None:
    """Return the token of a request, from its cookie or its header."""
    given = request.cookies.get(_COOKIE)
    if given is not None:
        return unquote(given)
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


def remember(response: Response, token: str, request: Request) -> None:
    """Let a browser send this token with what it asks from here on."""
    response.set_cookie(
        _COOKIE,
        quote(token, safe=""),
        max_age=30 * 24 * 3600,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def forget(response: Response) -> None:
    """Let a browser forget its token."""
    response.delete_cookie(_COOKIE, httponly=True, samesite="strict")


def may_roll_back(settings: Settings, token: str | None) -> bool:
    """Whether a token may change what serves: never without one, even if all may write.

    Who reaches a server without tokens may tell it feedback, which takes nothing away.
    """
    return settings.write_hash is not None and settings.may_write(token)


def is_from_here(request: Request) -> bool:
    """Whether a form was sent from a page of this server, as browsers tell."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    # what sends neither is no browser, and has no cookie that it did not choose to send
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def protect(response: Response) -> None:
    """Say what a page may do, and that no one but the browser keeps it."""
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "private, no-cache")


def local_path(path: str) -> str:
    """Return where a form leads back to, if that is here; else the first page."""
    # a browser reads // and /\ as another server
    is_local = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_local and path.isprintable() and "\\" not in path else "/"
