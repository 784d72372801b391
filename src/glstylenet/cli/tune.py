"""``glstylenet tune``: the command that tries weights and offers three recipes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from glstylenet.cli.console import complain, inform, print_json
from glstylenet.cli.durations import duration
from glstylenet.cli.options import (
    ContentArgument,
    ContentMapOption,
    DebugOption,
    JsonOption,
    OverwriteOption,
    PresetOption,
    QuietOption,
    StyleArgument,
    StyleMapOption,
    environment_settings,
    given_settings,
    refuse_single_map,
    with_options_of,
)
from glstylenet.cli.paths import output_path
from glstylenet.cli.signals import StopSignals
from glstylenet.cli.task_progress import describe_progress, ignore_event
from glstylenet.errors import BatchError
from glstylenet.settings import Pictures, Settings, preset_settings

if TYPE_CHECKING:
    from glstylenet.report import Progress, Trial, Tuning

__all__ = ["tune_command"]

_SIZE = 192
"""The longest side of the tried pictures, unless another is given."""


@with_options_of("size", "quality", "statistics", "device", "precision", "memory", "weights", "seed")
def tune_command(
    content: ContentArgument,
    style: StyleArgument,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            parser=output_path,
            help="folder for the tried pictures, sheet.png, index.html and a config file for each recipe; "
            "the same command continues there",
        ),
    ],
    minutes: Annotated[
        float,
        typer.Option("--minutes", metavar="NUMBER", min=0.1, max=10_000, help="how long to try weights"),
    ] = 5.0,
    content_map: ContentMapOption = None,
    style_map: StyleMapOption = None,
    preset: PresetOption = None,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
    **options: object,
) -> int:
    """Try weights for CONTENT and STYLE at a small size, and write three recipes.

    Closer to the content, balanced, and closer to the style: each is a config file, used with --config FILE.
    The pictures are 192 pixels long unless --size says otherwise.
    """
    given = {"size": _SIZE, **environment_settings(), **given_settings(options)}
    base = Settings(**given) if preset is None else preset_settings(preset, **given)
    refuse_single_map(content_map, style_map)
    pictures = Pictures(content, style, content_map, style_map)
    with StopSignals() as stop:
        from glstylenet.files import claim_output
        from glstylenet.metrics import require_scikit_image
        from glstylenet.report import RESULTS_NAME, open_tuning, require_optuna

        require_optuna()
        require_scikit_image()
        tuning = open_tuning(pictures, base, preset, output, overwrite=overwrite)
        with claim_output(output / RESULTS_NAME, make_folder=True):
            is_enough = _try_weights(tuning, stop, minutes, quiet=quiet)
            if not is_enough:
                return _too_few(tuning, stop)
            estimates = _estimated_minutes(tuning)
            files = tuning.publish(estimates)
    recipes = tuning.recipes()
    if as_json:
        print_json(_as_dict(tuning, recipes, estimates, files))
    if not quiet:
        for (name, trial), file in zip(recipes.items(), files, strict=True):
            inform(
                f"{file}: {name}; {trial.structure:.2f} of the preset's distance to the content, "
                f"{trial.style:.2f} of that to the style; at full size about {duration(60 * estimates[name])}"
            )
        inform(f"{output / 'index.html'}: {len(tuning.trials)} pictures")
    return stop.exit_code if stop.requested else 0


def _try_weights(tuning: "Tuning", stop: StopSignals, minutes: float, *, quiet: bool) -> bool:
    from glstylenet.report import Runner, measured

    def show(progress: "Progress") -> None:
        stop.graceful = True
        if not quiet and progress.state != "begins":
            inform(describe_progress(progress))

    runner = Runner(tuning.results, show, ignore_event, stop.should_stop, measured)
    return tuning.run(runner, seconds=60 * minutes)


def _too_few(tuning: "Tuning", stop: StopSignals) -> int:
    """Tell that there are too few pictures for recipes, and return or raise accordingly."""
    done = len(tuning.trials)
    if stop.requested:
        complain(f"stopped after {done} pictures, too few for recipes; the same command continues there")
        return stop.exit_code
    raise BatchError(
        f"only {done} pictures could be compared in the time given, and three recipes need three; give more "
        f"--minutes or a smaller --size; the same command continues"
    )


def _estimated_minutes(tuning: "Tuning") -> dict[str, float]:
    """Return the minutes of each recipe's run at the pictures' own size on this machine."""
    from glstylenet.machine import choose_device
    from glstylenet.network import load_weights
    from glstylenet.run import estimate_seconds, measure_speed, plan_run

    found = {}
    for name, trial in tuning.recipes().items():
        settings, pictures = tuning.settings_of(trial), tuning.pictures
        device = choose_device(settings.device, settings.precision)
        speed = measure_speed(settings, device, load_weights(settings.weights))
        started = plan_run(
            pictures.content,
            pictures.style,
            content_map=pictures.content_map,
            style_map=pictures.style_map,
            settings=settings,
        )
        found[name] = estimate_seconds(started, settings, speed) / 60
    return found


def _as_dict(
    tuning: "Tuning", recipes: "dict[str, Trial]", minutes: dict[str, float], files: list[Path]
) -> dict[str, object]:
    return {
        "output": str(tuning.results.folder),
        "pictures": len(tuning.trials),
        "recipes": [
            {
                "name": name,
                "config": str(file),
                "structure": trial.structure,
                "style": trial.style,
                "weights": dict(trial.weights),
                "seconds": round(60 * minutes[name], 3),
            }
            for (name, trial), file in zip(recipes.items(), files, strict=True)
        ],
    }
