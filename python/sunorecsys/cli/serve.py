"""``sunorecsys serve``: the REST server."""

import errno
import ipaddress
import logging
import os
import platform
import socket
import sys
from typing import Annotated

import typer

from sunorecsys.cli import output
from sunorecsys.cli.options import ProjectDir
from sunorecsys.errors import NoRelease, SunorecsysError
from sunorecsys.project import Project
from sunorecsys.serving import Service

# seconds that requests in flight may take after a signal to stop
_GRACE = 10


# DuckDB plans an answer in some 100,000 small pieces of memory. With its own settings
# glibc scatters them more and more, and after some hundred answers each takes a third
# longer; it reads this only when a process begins.
_ALLOCATOR, _LARGE_CACHES = "GLIBC_TUNABLES", "glibc.malloc.tcache_count=65535"


def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0: every one.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 8000,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(help="A web site whose pages may ask. Can be repeated."),
    ] = None,
    make_token: Annotated[
        bool,
        typer.Option("--make-token", help="Print a new token and its hash, and end."),
    ] = False,
    project_dir: ProjectDir = None,
) -> None:
    """Answer over HTTP from the current release, and take feedback.

    SUNORECSYS_READ_TOKEN_SHA256 and SUNORECSYS_WRITE_TOKEN_SHA256 hold hashes of the
    tokens that are asked for; without them anybody who reaches the port may ask.

    Example: sunorecsys serve --port 8000
    """
    import uvicorn

    from sunorecsys.api import settings as api_settings
    from sunorecsys.api.app import create_app

    if make_token:
        token, digest = api_settings.make_token()
        output.results.print(f"token   {token}", soft_wrap=True)
        output.results.print(f"SHA-256 {digest}", soft_wrap=True)
        output.notice(
            f"Give the token to who may ask, and the hash to the server as "
            f"{api_settings.READ_TOKEN} or {api_settings.WRITE_TOKEN}."
        )
        return
    if _ALLOCATOR not in os.environ and platform.libc_ver()[0] == "glibc":
        os.environ[_ALLOCATOR] = _LARGE_CACHES
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606
    origins = ",".join(cors_origin or ())
    settings = api_settings.Settings.from_environment(
        os.environ | ({api_settings.ORIGINS: origins} if origins else {})
    )
    service = Service.of(Project.find(project_dir))
    with _listening(host, port) as listener:
        bound, number = listener.getsockname()[:2]
        shown = f"[{bound}]" if ":" in bound else bound
        if settings.is_open and not _is_loopback(bound):
            output.notice(
                f"Warning: anybody who reaches {shown} can read what every listener "
                'gets. Ask for tokens: "sunorecsys serve --make-token".'
            )
        try:
            with service.view() as view:
                output.notice(f"Release {view.release_id}.")
        except NoRelease as error:
            output.notice(f"Nothing to serve yet: {error}")
        output.notice(f"Serving on http://{shown}:{number}, see /docs. Ctrl-C stops.")
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        config = uvicorn.Config(
            create_app(service, settings),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE,
        )
        uvicorn.Server(config).run(sockets=[listener])
    service.close()


def _listening(host: str, port: int) -> socket.socket:
    # the protocol is named, because asyncio sends small answers at once only then
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
        return listener
    except OSError as error:
        listener.close()
        if isinstance(error, socket.gaierror):
            reason = str(error.strerror)
            cure = "Name an address of this machine with --host."
        elif error.errno == errno.EACCES:
            reason = "permission denied"
            cure = "Ports below 1024 belong to root; name another one with --port."
        else:
            reason = os.strerror(error.errno or 0)
            cure = "Stop what uses it, or name another one with --port."
        raise SunorecsysError(
            f"Cannot listen on {host} port {port}: {reason}. {cure}"
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
