"""``glstylenet weights``: the commands that show, verify and download the network's weights."""

from typing import Annotated

import typer

from glstylenet.cli.console import inform, print_result
from glstylenet.cli.options import DebugOption, resolve_settings

__all__ = ["weights_app"]

weights_app = typer.Typer(help="Show, verify or download the network's weights.")

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
    """Show which weights are used and what the cache holds."""
    from glstylenet.network import cache_directory, is_offline, load_weights

    loaded = load_weights(_chosen_weights(weights))
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
    """Check the hashes and run a known picture through the network; exit code 4 if anything is wrong."""
    from glstylenet.network import load_weights

    loaded = load_weights(_chosen_weights(weights))
    print_result(f"good: {loaded.origin}, SHA-256 {loaded.digest}")
    return 0


@weights_app.command("fetch")
def _fetch_command(debug: DebugOption = False) -> int:
    """Download the full-precision weights into the cache, for --weights full."""
    from glstylenet.network import fetch_weights

    inform("downloading several hundred MB")
    print_result(str(fetch_weights()))
    return 0


def _chosen_weights(weights: str | None) -> str:
    return resolve_settings({"weights": weights}, preset=None, config=None).weights
