"""Literal run: the literal method on a pair, timed."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from glstylenet.bench.literal import LiteralObjective, LiteralWeights, minimise
from glstylenet.bench.pair import Pair
from glstylenet.bench.plain_vgg import PlainVGG19
from glstylenet.bench.timing import seconds_of
from glstylenet.machine import choose_device
from glstylenet.network import load_weights
from glstylenet.pyramid import SCHEMES
from glstylenet.run import ScaledInputs, start_pixels
from glstylenet.settings import Settings

__all__ = ["LiteralRun", "literal_objective", "literal_run"]


@dataclass(frozen=True)
class LiteralRun:
    """`LiteralRun` holds the time and the used ``evaluations`` of the literal method.

    ``granted``: the evaluations that it could use; ``objective``: that of its best picture.
    """

    seconds: float
    evaluations: int
    granted: int
    objective: float


def literal_run(
    pair: Pair, settings: Settings, *, evaluations: int, emit: Callable[[str], None]
) -> tuple[LiteralRun, Tensor]:
    """Run the literal method for ``evaluations``, fewer if SciPy stops.

    Returns its record and its best picture (1, 3, H, W), 0..255. Its time is that of its targets and its
    minimisation, without reading pictures and loading weights.
    """
    device = choose_device(settings.device, "float32")
    inputs = pair.read(settings)
    scaled = inputs.scaled(inputs.size, 1.0, device.torch_device)
    start = start_pixels(inputs, "content", inputs.size, settings.seed).to(device.torch_device)
    network = PlainVGG19(load_weights(settings.weights).tensors, device=device.torch_device)
    spent, best = 0, start
    every = max(1, evaluations // 10)
    emit(f"speedup: the literal method, {evaluations} evaluations at {start.shape[-1]} x {start.shape[-2]}")

    def note(evaluation: int, loss: float) -> None:
        nonlocal spent
        spent = evaluation
        if evaluation % every == 0:
            emit(f"speedup: literal evaluation {evaluation}/{evaluations}, loss {loss:.4g}")

    def run() -> None:
        nonlocal best
        objective = literal_objective(network, settings, start, scaled)
        best, _ = minimise(objective, start, evaluations, on_evaluation=note)

    seconds = seconds_of(run, device.torch_device)
    return LiteralRun(seconds, spent, evaluations, pair.objective_of(best, settings)), best


def literal_objective(
    network: PlainVGG19, settings: Settings, content: Tensor, scaled: ScaledInputs
) -> LiteralObjective:
    """Create the literal objective with the weights and the scheme of ``settings``."""
    return LiteralObjective(
        network,
        SCHEMES[settings.scheme],
        LiteralWeights.of(settings),
        content,
        scaled.style,
        scaled.content_map,
        scaled.style_map,
    )
