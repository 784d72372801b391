"""Giant pictures that are painted from several styles, and classes of theirs from one alone."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor

from glstylenet.cli import main
from glstylenet.errors import InputError, UsageError
from glstylenet.giant import GiantOptions, GiantPicture, paint_giant, plan_giant
from glstylenet.giant.size_context import size_context
from glstylenet.giant.steps import Part, run_part
from glstylenet.memory import MemoryPlan
from glstylenet.network import VGG19, load_weights
from glstylenet.numerics import whole
from glstylenet.objective.area_objective import AreaTargets
from glstylenet.objective.objective import Objective
from glstylenet.objective.styles import StyleGuide
from glstylenet.objective.terms import LossWeights
from glstylenet.pictures import read_recipe
from glstylenet.pyramid import SCHEMES
from glstylenet.run import GivenStyle, Style, Warned
from glstylenet.run.assembly import make_optimizer
from glstylenet.run.rounds import Evaluated, optimise_in_rounds
from glstylenet.settings import Settings
from tests.test_giant import AREAS, CONTENT, SETTINGS, STYLE, _picture

OTHER = _picture(80, 66, 7)

ONE_AREA = GiantOptions(area=512, sweeps=1, evaluations=4, coarse_pixels=6000)


def _paint(
    store: Path,
    style: GivenStyle,
    *,
    content: npt.NDArray[np.uint8] = CONTENT,
    settings: Settings = SETTINGS,
    options: GiantOptions = AREAS,
    **words: Any,
) -> GiantPicture:
    picture = paint_giant(content, style, store=store, settings=settings, options=options, **words)
    assert picture is not None
    return picture


def _pixels(picture: GiantPicture) -> Tensor:
    return picture.read(whole(picture.size))


@pytest.mark.long
def test_a_style_of_weight_0_changes_nothing(tmp_path: Path) -> None:
    told: list[object] = []
    alone = _paint(tmp_path / "alone", STYLE)
    both = _paint(
        tmp_path / "both", [Style(STYLE, weight=3.0), Style(OTHER, weight=0.0)], on_event=told.append
    )
    assert torch.equal(_pixels(both), _pixels(alone))
    assert [each.message for each in told if isinstance(each, Warned)] == [
        "style 2 has weight 0 and no class of its own: nothing is painted from it"
    ]


@pytest.mark.long
def test_one_area_from_two_styles_is_a_plain_run(tmp_path: Path) -> None:
    """To the last digit: from the same pixels, with the same number of evaluations."""
    store, start = tmp_path / "store", []
    styles = [Style(STYLE), Style(OTHER, weight=0.5)]

    def run(parts: Sequence[Part]) -> Iterator[Part]:
        for part in parts:
            if part.kind == "paint":
                context = size_context(store, part.run, 1)
                start.append(context.read_canvas(whole(context.canvas_size), 2))
            run_part(part)
            yield part

    picture = _paint(store, styles, content=CONTENT[:, :160], options=ONE_AREA, run_parts=run)
    context = picture._context
    canvas = whole(context.canvas_size)
    objective = Objective(
        context.network,
        SCHEMES[SETTINGS.scheme],
        LossWeights.of(SETTINGS),
        context.read_content(canvas),
        [
            StyleGuide(torch.from_numpy(pixels).permute(2, 0, 1)[None].float(), weight=weight)
            for pixels, weight in ((STYLE, 1.0), (OTHER, 0.5))
        ],
    )
    optimizer = make_optimizer(SETTINGS, MemoryPlan(None, 1, 10, half_history=False, needed_bytes=0))
    steps = optimise_in_rounds(objective, optimizer, start[0], evaluations=4, round_length=4)
    *_, last = (step for step in steps if isinstance(step, Evaluated))
    assert torch.equal(context.read_canvas(canvas, 3), last.pixels)


def _halves(height: int, width: int) -> npt.NDArray[np.uint8]:
    """A map: black on the left, white on the right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, width // 2 :] = 255
    return pixels


@pytest.mark.long
def test_a_class_is_painted_from_its_style_in_every_area(tmp_path: Path) -> None:
    """The left is painted from a red style alone, the right from a blue one, which has no weight else."""
    rng = np.random.default_rng(0)
    red, blue = (rng.integers(0, 80, (96, 96, 3), dtype=np.uint8) for _ in range(2))
    red[..., 0] += 150
    blue[..., 2] += 150
    styles = [Style(red, regions=["black"]), Style(blue, weight=0.0, regions=["white"])]
    settings = SETTINGS.replace(semantic_weight=20, init="tinted")
    options = GiantOptions(128, 1, 6, 6000)
    content_map = _halves(*CONTENT.shape[:2])
    picture = _paint(tmp_path / "store", styles, settings=settings, options=options, content_map=content_map)
    assert sorted(style.classes for style in picture.manifest.styles) == [(0,), (1,)]
    of_red, _, of_blue = _pixels(picture)[0]
    redder = (of_red - of_blue).mean(0)
    # Windows of the outer areas, and of the one between them, on both sides of the middle.
    assert min(redder[columns].mean() for columns in (slice(0, 110), slice(120, 150))) > 100
    assert max(redder[columns].mean() for columns in (slice(180, 210), slice(220, 330))) < -100
    again = _paint(
        tmp_path / "store",
        styles,
        settings=settings,
        options=options,
        content_map=content_map,
        resume=True,
    )
    assert torch.equal(_pixels(again), _pixels(picture))


def test_strokes_of_a_style_for_one_class_are_there_to_copy() -> None:
    """It has no weight; its pictures are numbered with the patches of all styles that are used."""
    network = VGG19(load_weights("embedded").tensors)
    random = torch.Generator().manual_seed(1)
    first, second = (255 * torch.rand((1, 3, 64, width), generator=random) for width in (64, 72))
    styles = [StyleGuide(first), StyleGuide(second, weight=0.0, classes=frozenset({1}))]
    votes = AreaTargets(network, SCHEMES["g"], LossWeights.of(Settings()), (64, 64), styles).stroke_votes
    assert len(votes.pictures) == len(votes.styles.targets) == 2
    # Every patch has the one at its own place in the second style, of 6 rows of 7, for its neighbour.
    index = votes.styles.grid.first_patch(1) + 7 * torch.arange(6)[:, None] + torch.arange(6)
    assert torch.allclose(votes.voted(index), second[..., :64], atol=1e-3)


def test_other_weights_are_another_run(tmp_path: Path) -> None:
    store = tmp_path / "store"
    styles = [Style(STYLE), Style(OTHER)]

    def stop() -> bool:
        return True

    paint_giant(CONTENT, styles, store=store, settings=SETTINGS, options=AREAS, should_stop=stop)
    other = [Style(STYLE), Style(OTHER, weight=0.5)]
    with pytest.raises(
        InputError, match=r"the styles are 'weight 1; weight 0\.5', they were 'weight 1; weight 1'"
    ):
        paint_giant(CONTENT, other, store=store, settings=SETTINGS, options=AREAS, resume=True)


def test_styles_that_cannot_be_enlarged_alike_are_refused() -> None:
    """As long as none is longer than the result, each keeps its pixels in the coarse part."""
    styles, settings = [Style(STYLE), Style(OTHER)], SETTINGS.replace(size=330)
    plan_giant(CONTENT, styles, settings=settings.replace(style_scale=4.0), options=AREAS)
    with pytest.raises(UsageError, match="painted from 576 pixels and 640 pixels a side; enlarged styles"):
        plan_giant(CONTENT, styles, settings=settings.replace(style_scale=8.0), options=AREAS)


@pytest.mark.parametrize(
    ("shape", "region", "named"), [(CONTENT.shape[:2], "green", "green"), ((64, 64), "white", "64x64")]
)
def test_what_the_coarse_part_refuses_leaves_no_store(
    shape: tuple[int, int], region: str, named: str, tmp_path: Path
) -> None:
    """A class that no map has, and a map that does not fit: the next attempt finds the place as it was."""
    store, styles = tmp_path / "store", [Style(STYLE), Style(OTHER, regions=(region,))]
    with pytest.raises((InputError, UsageError), match=named):
        _paint(store, styles, content_map=_halves(*shape))
    assert not store.exists()


@pytest.mark.long
def test_the_command_paints_from_several_styles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = {"content": CONTENT, "a": STYLE, "b": OTHER, "map": _halves(*CONTENT.shape[:2])}
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(f"{name}.png")
    words = [
        "giant",
        "content.png",
        "a.png",
        "-o",
        "out.tif",
        "--add-style",
        "b.png",
        "--content-map",
        "map.png",
    ]
    words += ["--region", "white=2", "--region", "black=1", "--style-weights", "1,0.5", "--quality", "draft"]
    words += ["--area", "128", "--coarse-pixels", "6000", "--sweeps", "1", "--precision", "float32"]
    assert main([*words, "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sizes"][0]["areas"] == 3
    assert main([*words, "--style-weights", "1"]) == 2
    assert "--style-weights" in capsys.readouterr().err
    assert main([*words, "--region", "green=2"]) == 2
    assert "green" in capsys.readouterr().err
    assert main(words) == 0
    recipe = json.loads(read_recipe(Path("out.tif")) or "")
    assert recipe["inputs"] == {"content": "content.png", "style": "a.png", "style_2": "b.png"}
    assert recipe["styles"] == [
        {"role": "style", "weight": 1.0, "regions": ["black"]},
        {"role": "style_2", "weight": 0.5, "regions": ["white"]},
    ]
