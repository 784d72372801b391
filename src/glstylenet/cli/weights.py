"""``glstylenet weights``: where the network's numbers come from, and whether they are whole."""

from typing import Annotated

import typer

from glstylenet.cli.console import inform, print_result
from glstylenet.cli.options import DebugOption, resolve_settings

__all__ = ["weights_app"]

weights_app = typer.Typer(help="The network's weights: what is there, whether it is whole, and more of it.")

_WeightsOption = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="WEIGHTS",
        help="embedded, full or a file (default embedded; environment GLSTYLENET_WEIGHTS)",
    ),
]


@weights_app.command("info")
def _info_command(weights: _WeightsOption = None, debug: DebugOption = False) -> int:
    """Say which weights are in use and what the cache holds."""
    from glstylenet.network import cache_directory, is_offline, load_weights

    loaded = load_weights(_choice(weights))
    cache = cache_directory()
    files = sorted(cache.glob("*.safetensors")) if cache.is_dir() else []
    kept = ", ".join(f"{file.name} ({file.stat().st_size / 2**20:.0f} MiB)" for file in files)
    print_result(f"in use   {loaded.origin}")
    print_result(f"SHA-256  {loaded.digest}")
    print_result(f"cache    {cache}: {kept or 'empty'}")
    print_result(f"offline  {'yes, GLSTYLENET_OFFLINE is set' if is_offline() else 'no'}")
    return 0


@weights_app.command("verify")
def _verify_command(weights: _WeightsOption = None, debug: DebugOption = False) -> int:
    """Check hashes and push a known picture through the network; exit code 4 if anything is wrong."""
    from glstylenet.network import load_weights

    loaded = load_weights(_choice(weights))
    print_result(f"good: {loaded.origin}, SHA-256 {loaded.digest}")
    return 0


@weights_app.command("fetch")
def _fetch_command(debug: DebugOption = False) -> int:
    """Download the full-precision weights into the cache, for --weights full."""
    from glstylenet.network import fetch_weights

    inform("downloading several hundred MB")
    print_result(str(fetch_weights()))
    return 0


def _choice(weights: str | None) -> str:
    return resolve_settings({"weights": weights}, preset=None, config=None).weights
