"""Maps of portraits: agreement with hand-drawn maps of a photograph and a painting, and failures."""

import hashlib
import importlib.resources
import json
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from glstylenet.cli import main
from glstylenet.errors import UsageError, WeightsError
from glstylenet.pictures import read_picture, read_recipe
from glstylenet.proposals import face_models, portrait
from glstylenet.proposals.portrait import PORTRAIT_CLASSES, propose_portrait_maps
from glstylenet.proposals.proposal import Proposal

pytest.importorskip("ai_edge_litert")  # there may be no wheel for a new Python

ROLES = ("content", "style")
SAMPLES = Path(str(importlib.resources.files("glstylenet").joinpath("samples")))
NAMES = list(PORTRAIT_CLASSES)
DRAWN = {  # the samples' colours; collars are clothes
    "background": [(255, 0, 0)],
    "clothes": [(0, 0, 255), (255, 255, 255)],
    "skin": [(0, 255, 0)],
    "hair": [(255, 255, 0)],
    "eyes": [(191, 191, 191)],
    "mouth": [(255, 0, 255)],
}


def sample(role: str) -> Tensor:
    with Image.open(SAMPLES / f"{role}.png") as image:
        small = image.convert("RGB").resize((179, 224), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)[None]


def drawn(role: str, name: str) -> Tensor:
    """Return where the hand-drawn map of a sample has the class ``name``, (224, 179)."""
    with Image.open(SAMPLES / f"{role}_map.png") as image:
        values = np.array(image.convert("RGB").resize((179, 224), Image.Resampling.NEAREST)).astype(int)
    near = [np.abs(values - colour).max(-1) < 40 for colour in DRAWN[name]]
    return torch.from_numpy(np.any(near, axis=0))


@cache
def proposed() -> Proposal:
    return propose_portrait_maps([sample(role) for role in ROLES], roles=ROLES)


def overlap(found: Tensor, true: Tensor) -> float:
    """Return the intersection over union."""
    return float((found & true).sum() / (found | true).sum())


def test_a_photograph_agrees_with_its_hand_drawn_map() -> None:
    assert list(proposed().names) == NAMES
    labels = proposed().labels[0]
    overlaps = {name: overlap(labels == NAMES.index(name), drawn("content", name)) for name in NAMES}
    least = {"background": 0.9, "clothes": 0.9, "skin": 0.8, "hair": 0.75, "mouth": 0.5, "eyes": 0.3}
    assert all(overlaps[name] > least[name] for name in NAMES), overlaps


def test_a_painted_face_is_found_and_has_the_same_palette() -> None:
    labels = proposed().labels[1]
    skin = labels == NAMES.index("skin")
    assert overlap(skin, drawn("style", "skin")) > 0.6
    assert overlap(labels == 0, drawn("style", "background")) > 0.8
    assert {tuple(colour) for colour in proposed().picture(1)[0].flatten(1).T.tolist()} == set(
        PORTRAIT_CLASSES.values()
    )


def test_without_a_face_maps_are_those_of_what_is_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def stub(pictures: list[Tensor], **options: Any) -> Proposal:
        asked.update(options)
        return Proposal((), (), ("as before",))

    monkeypatch.setattr(portrait, "propose_maps", stub)
    noise = torch.randint(0, 256, (1, 3, 90, 120), generator=torch.Generator().manual_seed(0)).byte()
    found = propose_portrait_maps([sample("content"), noise], roles=ROLES, classes=3, seed=7)
    first = "no face was found in the style, so maps are proposed from what is alike in both pictures"
    assert found.notes == (first, "as before")
    assert asked == {"roles": ROLES, "classes": 3, "seed": 7}


def test_classes_have_no_effect_on_portraits() -> None:
    pictures = [sample("content")] * 2
    found = propose_portrait_maps(pictures, roles=ROLES, classes=3)
    assert found.notes == ("classes is 3 and has no effect: portraits have their own",)
    assert torch.equal(found.labels[0], proposed().labels[0])


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(UsageError, match=r"pip install 'glstylenet\[maps\]'"):
        face_models.FaceModels()


@pytest.mark.parametrize("name", face_models._SHA256)
def test_a_damaged_model_is_refused_with_4(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    models = tmp_path / "proposals" / "models"
    shutil.copytree(Path(face_models.__file__).parent / "models", models)
    content = bytearray((models / name).read_bytes())
    content[1000] ^= 1
    (models / name).write_bytes(content)
    monkeypatch.setattr(importlib.resources, "files", lambda _package: tmp_path)
    samples = [str(SAMPLES / f"{role}.png") for role in ROLES]
    assert main(["maps", "propose", *samples, "--portrait", "-o", str(tmp_path)]) == 4
    assert f"{name} of the installed package is damaged" in capsys.readouterr().err
    (models / name).unlink()
    with pytest.raises(WeightsError, match="missing from the installed package"):
        face_models.FaceModels()


def test_the_models_come_with_their_licence() -> None:
    folder = Path(face_models.__file__).parent / "models"
    assert "Apache License" in (folder / "LICENSE").read_text(encoding="utf-8")
    notice = (folder / "NOTICE").read_text(encoding="utf-8")
    for name, digest in face_models._SHA256.items():
        assert name in notice
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_the_models_write_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    face_models.FaceModels().person(sample("content"))
    assert capfd.readouterr() == ("", "")


def test_a_square_stands_as_the_eyes_do() -> None:
    """Eyes below each other: across is down the picture, and down is to its left."""
    square = face_models._Square.around(
        np.array([[10.0, 20.0], [30.0, 40.0]]), np.array([[20.0, 25.0], [20.0, 35.0]])
    )
    assert square.side == 30.0
    corner = square.to_picture(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    assert corner.tolist() == [[35.0, 15.0], [35.0, 45.0], [5.0, 15.0]]
    pixels = torch.arange(50.0 * 50).view(1, 1, 50, 50).expand(1, 3, 50, 50)
    crop = square.crop(pixels, 30)[0, 0]
    torch.testing.assert_close(crop[0, :3], torch.tensor([15.0, 16.0, 17.0]) * 50 + 34, atol=0.01, rtol=0)


def test_places_are_measured_in_the_frame_of_the_face() -> None:
    """A face 20 wide and 20 high in the middle of 40 x 60 pixels: its chin is at -0.5."""
    points = np.full((468, 2), 20.0)
    points[:, 1] = 30.0
    points[portrait._FOREHEAD], points[portrait._CHIN] = (20.0, 20.0), (20.0, 40.0)
    points[portrait._RIGHT_SIDE], points[portrait._LEFT_SIDE] = (10.0, 30.0), (30.0, 30.0)
    faces = portrait._locate((60, 40), [points])
    assert float(faces.up[39, 20]) == pytest.approx(-0.475)
    assert float(faces.up[0, 20]) == pytest.approx(1.475)
    assert float(faces.across[30, 29].abs()) == pytest.approx(0.475)


def test_a_likelihood_follows_the_colours() -> None:
    colours = torch.tensor([[200.0, 20.0, 20.0]] * 30 + [[20.0, 20.0, 200.0]] * 30).double()
    places = torch.arange(60) < 30
    density = portrait._likelihood(colours, places)
    assert density[0] > 1000 * density[-1]
    assert density[0] == pytest.approx(1 / ((2 * np.pi) ** 1.5 * 8**3), rel=0.1)
    few = portrait._likelihood(colours, places & (torch.arange(60) < 5))
    assert set(few.tolist()) == {256.0**-3}


@pytest.mark.long
def test_a_run_names_its_maps_and_repeats(tmp_path: Path) -> None:
    picture, again = tmp_path / "out.png", tmp_path / "out.again.png"
    samples = [str(SAMPLES / f"{role}.png") for role in ROLES]
    short = ["--iterations", "1", "--scales", "1", "--size", "160", "-q"]
    assert main(["stylize", *samples, "--maps", "portrait", *short, "-o", str(picture)]) == 0
    recipe = json.loads(read_recipe(picture) or "")
    assert recipe["settings"]["maps"] == "portrait"
    colours = {"#{:02x}{:02x}{:02x}".format(*colour) for colour in PORTRAIT_CLASSES.values()}
    assert {each["colour"] for each in recipe["proposed_maps"]} == colours
    for sample_file in samples:
        shutil.copy(sample_file, tmp_path)
    assert main(["stylize", "--recipe", str(picture), "-q"]) == 0
    assert torch.equal(read_picture(picture).pixels, read_picture(again).pixels)


@pytest.mark.long
def test_the_command_names_the_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for role in ROLES:
        files.append(str(tmp_path / f"{role}.png"))
        Image.fromarray(sample(role)[0].permute(1, 2, 0).numpy()).save(files[-1])
    assert main(["maps", "propose", *files, "--portrait", "-o", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[1:]] == NAMES
    assert main(["maps", "propose", *files, "--portrait", "-o", str(tmp_path), "--overwrite", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in told["classes"]] == NAMES
