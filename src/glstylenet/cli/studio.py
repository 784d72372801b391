"""``glstylenet studio``: the command that serves the web page."""

import re
import secrets
import webbrowser
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import platformdirs
import typer

from glstylenet.cli.console import inform
from glstylenet.cli.options import DebugOption, environment_settings, given_settings, with_options_of
from glstylenet.cli.paths import input_path, output_path
from glstylenet.cli.signals import StopSignals
from glstylenet.errors import UsageError
from glstylenet.settings import Settings, parse_bytes

__all__ = ["studio_command"]


@with_options_of("device", "precision", "memory", "weights")
def studio_command(
    *,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="address to listen on")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option("--port", metavar="N", min=0, max=65535, help="port to listen on; 0 takes any free one"),
    ] = 7860,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            parser=output_path,
            help="folder for pictures and runs; by default glstylenet/studio in the user's data folder",
        ),
    ] = None,
    quota: Annotated[
        str,
        typer.Option("--quota", metavar="SIZE", help="how large that folder may become"),
    ] = "5GiB",
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="TEXT",
            help="require this token to use the page; by default one is made if other machines can reach it",
        ),
    ] = None,
    giant: Annotated[
        list[Path] | None,
        typer.Option(
            "--giant",
            metavar="PATH",
            parser=input_path,
            help="also show a giant picture: the store of a run, while it is painted and after, or the file "
            "that 'giant' wrote; may be given several times",
        ),
    ] = None,
    show: Annotated[
        bool,
        typer.Option("--open", help="open the page in the browser, that of the first giant picture if any"),
    ] = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Serve the studio, a web page: paint maps on both pictures, start runs and watch the results.

    Runs belong to the server: a closed tab does not end them, and a restarted server continues them.
    """
    machine = {**environment_settings(), **given_settings(options)}
    checked = Settings(**machine)
    try:
        limit = parse_bytes(quota)
    except ValueError as error:
        raise UsageError(f"quota is {quota!r}: {error}") from error
    _check_token(token)
    _require_extra()
    from glstylenet.studio import Address, GiantPictures, Storage, is_loopback, serve

    if token is None and not is_loopback(host):
        token = secrets.token_urlsafe(24)
    folder = data or platformdirs.user_data_path("glstylenet") / "studio"
    giants = GiantPictures(giant or [])
    storage = Storage(folder, quota=limit, max_pixels=min(checked.max_pixels, 40_000_000))

    def ready(url: str) -> None:
        stop.graceful = True  # from now on a signal lets the server save its runs
        inform(f"the studio is at {url}\nruns are kept in {folder}; press Ctrl-C to end")
        pages = [urlsplit(url)._replace(path=f"/giant/{each['number']}").geturl() for each in giants.names()]
        for path, page in zip(giant or [], pages, strict=True):
            inform(f"{path} is shown at {page}")
        if show:
            webbrowser.open(pages[0] if pages else url)

    with StopSignals() as stop:
        serve(Address(host, port, token), storage, machine, giants, ready=ready, should_stop=stop.should_stop)
    return stop.exit_code


def _check_token(token: str | None) -> None:
    """Raise :class:`~glstylenet.errors.UsageError` for a token that cannot be sent as it is."""
    # The token becomes part of an address and a cookie, where other characters have a meaning.
    if token is not None and re.fullmatch(r"[A-Za-z0-9_.~-]{8,200}", token) is None:
        raise UsageError("the token cannot be used; expected 8 to 200 of the characters A-Z a-z 0-9 _ . ~ -")


def _require_extra() -> None:
    """Raise :class:`~glstylenet.errors.UsageError` if a package of the extra is missing."""
    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "the studio needs fastapi, uvicorn and python-multipart; install them with: "
            "pip install 'glstylenet[studio]'"
        ) from error
