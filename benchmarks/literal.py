"""The literal method as a program; the method itself is :mod:`glstylenet.bench.literal`.

``python -m benchmarks.literal CONTENT STYLE [--content-map MAP --style-map MAP] [--evaluations N] [--size N]
[--output FILE]`` starts from the content, prints the loss of every evaluation and saves the picture.
"""

import argparse
import sys
from pathlib import Path

from glstylenet.bench.literal import minimise
from glstylenet.bench.literal_run import literal_objective
from glstylenet.bench.pair import Pair
from glstylenet.bench.plain_vgg import PlainVGG19
from glstylenet.network.weights import load_weights
from glstylenet.pictures.write import write_picture
from glstylenet.run.start import start_pixels
from glstylenet.settings.model import Settings

__all__ = ["main"]


def main(words: list[str] | None = None) -> None:
    """Minimise the paper's total loss for the pair that the command line names."""
    given = _parser().parse_args(words)
    settings = Settings(size=given.size)
    inputs = Pair(given.content, given.style, given.content_map, given.style_map).read(settings)
    network = PlainVGG19(load_weights(settings.weights).tensors)
    scaled = inputs.scaled(inputs.size, 1.0, network.device)
    start = start_pixels(inputs, "content", inputs.size, settings.seed)
    objective = literal_objective(network, settings, start, scaled)

    def report(evaluation: int, loss: float) -> None:
        sys.stdout.write(f"evaluation {evaluation}: loss {loss:.6g}\n")
        sys.stdout.flush()

    best, loss = minimise(objective, start, given.evaluations, on_evaluation=report)
    sys.stdout.write(f"best loss {loss:.6g}\n")
    if given.output is not None:
        write_picture(given.output, best)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.literal", description=__doc__)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--content-map", type=Path)
    parser.add_argument("--style-map", type=Path)
    parser.add_argument("--evaluations", type=int, default=500)
    parser.add_argument("--size", type=int)
    parser.add_argument("--output", type=Path)
    return parser


if __name__ == "__main__":
    main()
