"""Proposed maps: agreement on drawn scenes whose truth is known, borders, islands, and the command line."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor

from glstylenet.cli import main
from glstylenet.errors import UsageError
from glstylenet.pictures import read_picture, read_recipe
from glstylenet.pictures.guided_filter import apply_maps
from glstylenet.proposals import borders, clusters
from glstylenet.proposals.borders import merge_islands, snap_borders
from glstylenet.proposals.clusters import k_means
from glstylenet.proposals.descriptors import STRIDE, describe, working_size
from glstylenet.proposals.proposal import Proposal, class_colours, load_network, propose_maps
from glstylenet.run.stylize import plan_run, stylize
from glstylenet.settings.model import Settings
from tests.long_cases import rest_is_long

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
ROLES = ("content", "style")


def scene(seed: int, *, mirrored: bool) -> tuple[Pixels, Pixels]:
    """Return a picture (64, 96, 3) of coarse stripes above, fine checks below, and its truth (64, 96).

    ``mirrored`` has other colours, and a border elsewhere: what both have in common are the patterns.
    """
    rows, columns = np.mgrid[:64, :96]
    truth = (rows > (24 if mirrored else 38) + 5 * np.sin(columns / 20)).astype(np.uint8)
    stripes = (columns + rows) // 8 % 2
    checks = (columns // 2 + rows // 2) % 2
    pattern = np.where(truth == 0, stripes, checks)[..., None]
    dark, light = ((40, 30, 90), (90, 200, 160)) if mirrored else ((90, 40, 20), (230, 200, 120))
    noise = np.random.default_rng(seed).normal(0, 6, (64, 96, 3))
    picture = np.where(pattern == 0, np.array(dark), np.array(light)) + noise
    return picture.clip(0, 255).astype(np.uint8), truth


def as_pixels(picture: Pixels) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float()


def values(labels: Tensor) -> set[int]:
    return set(labels.flatten().tolist())


@cache
def proposed(classes: int, seed: int = 0) -> Proposal:
    pictures = [as_pixels(scene(number, mirrored=bool(number))[0]) for number in range(2)]
    return propose_maps(pictures, roles=ROLES, classes=classes, seed=seed)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    paths = [tmp_path / "me.png", tmp_path / "painting.png"]
    for number, path in enumerate(paths):
        Image.fromarray(scene(number, mirrored=bool(number))[0]).save(path)
    return list(map(str, paths))


def test_a_drawn_scene_is_found_in_both_pictures_with_one_palette() -> None:
    found = proposed(2)
    truths = [scene(number, mirrored=bool(number))[1] for number in range(2)]
    agreement = np.array([np.mean(a.numpy() == b) for a, b in zip(found.labels, truths, strict=True)])
    # The classes' numbers are by size; the same swap must serve both pictures.
    agreement = agreement if agreement.mean() > 0.5 else 1 - agreement
    assert agreement.min() > 0.9


COLOURS = slice(-5, -2)


def test_a_place_has_its_colour_as_a_difference_from_the_mean() -> None:
    """L* of black is 0 and of white 100: each is 50 from the mean, which is 50 on average. Both are grey."""
    pixels = torch.zeros(1, 3, 32, 448)  # the working size
    pixels[..., 224:] = 255.0
    colours = describe(pixels, load_network())[0, COLOURS]
    assert colours[:, :, :2].flatten(1).mean(1).tolist() == pytest.approx([-0.6 * 50 / 52, 0, 0], abs=1e-3)
    assert colours[:, :, -2:].flatten(1).mean(1).tolist() == pytest.approx([0.6 * 50 / 52, 0, 0], abs=1e-3)


@pytest.mark.long
def test_what_differs_in_its_colour_alone_is_told_apart() -> None:
    """The same noise everywhere, at the same lightness; what is at the left and the right changes places."""
    noise = np.random.default_rng(5).integers(-12, 13, (64, 96, 1)) * np.ones(3)
    pictures = []
    for colours in (((150, 120, 120), (113, 130, 130)), ((113, 130, 130), (150, 120, 120))):
        values = noise.copy()
        values[:, :48] += colours[0]
        values[:, 48:] += colours[1]
        pictures.append(as_pixels(values.astype(np.uint8)))
    found = propose_maps(pictures, roles=ROLES, classes=2)
    left, right = (
        labels[:, half].float().mean() for labels in found.labels[:1] for half in (slice(48), slice(48, 96))
    )
    assert abs(float(left - right)) > 0.9


@pytest.mark.long
def test_there_is_no_frame() -> None:
    """Noise has no border: what lies at the picture's edge looks like what lies inside."""
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    described = describe(as_pixels(noise), load_network())[0, :-2]
    edge = torch.ones(described.shape[1:], dtype=torch.bool)
    edge[2:-2, 2:-2] = False
    apart = (described[:, edge].mean(1) - described[:, ~edge].mean(1)).norm()
    assert float(apart) < 0.7  # 0.5; without the mirrored margin 1.0


@pytest.mark.long
def test_the_same_seed_proposes_the_same_maps() -> None:
    first, again, other = proposed(6), proposed.__wrapped__(6), proposed(6, seed=2)
    assert all(torch.equal(*pair) for pair in zip(first.labels, again.labels, strict=True))
    assert any(not torch.equal(*pair) for pair in zip(first.labels, other.labels, strict=True))


@pytest.mark.long
def test_the_largest_class_comes_first_and_none_is_empty() -> None:
    found = proposed(6)
    sums = [sum(shares) for shares in found.shares]
    assert sums == sorted(sums, reverse=True)
    assert min(sums) > 0
    assert np.allclose(np.array(found.shares).sum(0), 1)
    assert len(found.colours) == len(found.shares)


def test_one_colour_gives_one_class_and_says_so() -> None:
    plain = torch.full((1, 3, 40, 40), 77.0)
    found = propose_maps([as_pixels(scene(0, mirrored=False)[0]), plain], roles=ROLES)
    assert found.colours == ((255, 0, 0),)
    assert [values(each) for each in found.labels] == [{0}, {0}]
    assert found.notes == ("the style has one colour, so one class is proposed; the maps steer nothing",)
    both = propose_maps([plain, plain], roles=ROLES)
    assert "the content and the style have one colour" in both.notes[0]


def test_all_64_colours_are_far_apart() -> None:
    colours = torch.tensor(class_colours(64)).float()
    distances = torch.cdist(colours, colours) + 1e3 * torch.eye(64)
    assert float(distances.min()) >= 85  # maps take two colours within 40 for one class


def test_k_means_finds_groups_and_leaves_out_what_is_not_there() -> None:
    generator = torch.Generator().manual_seed(1)
    centres = torch.tensor([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    points = (centres[:, None] + torch.randn(3, 50, 2, generator=generator)).flatten(0, 1)
    members = k_means(points, 3, seed=0).view(3, 50)
    assert (members == members.mode(1, keepdim=True).values).float().mean() > 0.98
    assert len(values(members.mode(1).values)) == 3
    assert len(values(k_means(torch.ones(5, 2), 3, seed=0))) == 1


def test_squared_distances_by_hand() -> None:
    found = clusters._squared_distances(torch.tensor([[1.0, 2.0]]), torch.tensor([[4.0, 6.0], [1.0, 2.0]]))
    assert found.tolist() == [[25.0, 0.0]]


def test_borders_move_to_the_edge() -> None:
    """Labels whose border is 3 pixels off come to the picture's edge, at column 67."""
    picture = np.full((64, 128, 3), 60, np.uint8)
    picture[:, 67:] = 180
    coarse = torch.zeros(8, 16, dtype=torch.int64)
    coarse[:, 8:] = 1  # column 64
    found = snap_borders(coarse, as_pixels(picture))
    expected = torch.zeros(64, 128, dtype=torch.uint8)
    expected[:, 67:] = 1
    assert (found == expected).float().mean() > 0.99


def test_strips_give_what_the_whole_gives() -> None:
    maps = torch.randn(4, 2, 9, 13, generator=torch.Generator().manual_seed(0))
    guide = torch.rand(1, 3, 50, 60, generator=torch.Generator().manual_seed(1))
    whole = torch.cat([apply_maps(maps[:, number], guide) for number in range(2)], dim=1)
    rows = borders._enlarged_rows(maps, range(20, 37), 50)
    strip = torch.cat([apply_maps(rows[:, number], guide[..., 20:37, :]) for number in range(2)], dim=1)
    torch.testing.assert_close(strip, whole[..., 20:37, :], atol=1e-5, rtol=1e-5)


def test_islands_join_what_is_around_them() -> None:
    labels = torch.zeros(100, 100, dtype=torch.uint8)
    labels[:, 50:] = 1
    labels[10:13, 10:13] = 1  # 9 of 10,000 pixels
    labels[40:60, 70:90] = 2  # 400: stays
    merged = merge_islands(labels)
    assert values(merged[10:13, 10:13]) == {0}
    assert torch.equal(merged[:, 50:], labels[:, 50:])
    assert int(labels[11, 11]) == 1  # not in place


@pytest.mark.long
def test_a_proposal_has_no_small_islands() -> None:
    for labels in proposed(6).labels:
        for number in values(labels):
            parts, _count = ndimage.label(labels.numpy() == number)
            assert np.bincount(parts.ravel())[1:].min() >= 0.002 * labels.numel()


@pytest.mark.parametrize(
    "size", rest_is_long([[(33, 32)], [(1, 500)], [(100, 4000)], [(3000, 4000)]], short=2)
)
def test_every_shape_is_described(size: tuple[int, int]) -> None:
    height, width = working_size(size)
    assert height % 16 == width % 16 == 0
    assert 32 <= min(height, width) <= max(height, width) <= 448
    assert describe(torch.rand(1, 3, *size) * 255, load_network()).shape[2:] == (
        height // STRIDE,
        width // STRIDE,
    )


@pytest.mark.long
def test_the_command_writes_two_maps_that_a_run_takes(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "maps"
    command = ["maps", "propose", *files, "-o", str(folder), "--classes", "2", "--json"]
    assert main(command) == 0
    told = json.loads(capsys.readouterr().out)
    maps = [folder / "me_map.png", folder / "painting_map.png"]
    assert [told["content_map"], told["style_map"]] == list(map(str, maps))
    assert [each["number"] for each in told["classes"]] == [1, 2]
    assert {tuple(c) for c in np.asarray(Image.open(maps[0])).reshape(-1, 3).tolist()} <= set(
        class_colours(3)
    )
    assert main(command) == 5  # they exist
    written = [path.read_bytes() for path in maps]
    assert main([*command, "--overwrite"]) == 0
    assert [path.read_bytes() for path in maps] == written
    drawn = plan_run(files[0], files[1], content_map=maps[0], style_map=maps[1])
    auto = plan_run(files[0], files[1], settings=Settings(maps="auto", classes=2))
    assert drawn.classes == auto.classes


@pytest.mark.long
def test_a_run_on_proposed_maps_is_that_on_the_written_ones(files: list[str], tmp_path: Path) -> None:
    main(["maps", "propose", *files, "-o", str(tmp_path), "--classes", "2"])
    settings = Settings(iterations=2, scales=1)
    drawn = stylize(
        files[0],
        files[1],
        content_map=tmp_path / "me_map.png",
        style_map=tmp_path / "painting_map.png",
        settings=settings,
    )
    auto = stylize(files[0], files[1], settings=settings.replace(maps="auto", classes=2))
    assert torch.equal(drawn.pixels, auto.pixels)
    without = stylize(files[0], files[1], settings=settings)
    assert not torch.equal(without.pixels, auto.pixels)


@pytest.mark.long
def test_the_recipe_names_proposals_and_repeats(files: list[str], tmp_path: Path) -> None:
    picture, again = tmp_path / "out.png", tmp_path / "out.again.png"
    words = ["stylize", *files, "--maps", "auto", "--classes", "2", "--iterations", "2", "--scales", "1"]
    assert main([*words, "-o", str(picture), "-q"]) == 0
    recipe = json.loads(read_recipe(picture) or "")
    assert recipe["settings"]["maps"] == "auto"
    assert [each["colour"] for each in recipe["proposed_maps"]] == ["#ff0000", "#00ff00"]
    assert set(recipe["inputs"]) == {"content", "style"}
    assert main(["stylize", "--recipe", str(picture), "-q"]) == 0
    assert torch.equal(read_picture(picture).pixels, read_picture(again).pixels)


def test_a_recipe_without_maps_names_no_proposals(files: list[str], tmp_path: Path) -> None:
    picture = tmp_path / "out.png"
    assert main(["stylize", *files, "--iterations", "1", "--scales", "1", "-o", str(picture), "-q"]) == 0
    assert "proposed_maps" not in json.loads(read_recipe(picture) or "")


def test_maps_beside_proposed_ones_are_refused(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["-o", str(tmp_path / "out.png"), "--maps", "auto"]
    assert main(["stylize", *files, *out, "--content-map", files[0], "--style-map", files[1]]) == 2
    assert "got a map, and maps is auto" in capsys.readouterr().err
    assert main(["stylize", files[1], *out, "--content-map", files[0], "--style-map", files[1]]) == 2
    assert "a doodle has no content picture" in capsys.readouterr().err
    assert main(["stylize", *files, *out[:2], "--maps", "drawn"]) == 2
    with pytest.raises(UsageError, match="maps is auto"):
        plan_run(files[0], files[1], style_map=files[1], settings=Settings(maps="auto"))


def test_errors_of_the_command(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["maps", "propose", files[0], "-o", str(tmp_path)]) == 2
    assert main(["maps", "propose", *files]) == 2
    assert main(["maps", "propose", *files, "-o", str(tmp_path), "--classes", "0"]) == 2
    assert main(["maps", "propose", files[0], str(tmp_path / "none.png"), "-o", str(tmp_path)]) == 3
    assert main(["maps", "propose", *files, "-o", str(tmp_path / "a" / "b")]) == 5
    assert main(["maps", "propose", *files, "-o", files[0]]) == 5
    capsys.readouterr()
    plain = tmp_path / "plain.png"
    Image.new("RGB", (40, 40), (9, 9, 9)).save(plain)
    assert main(["maps", "propose", files[0], str(plain), "-o", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "the style has one colour, so one class is proposed" in said.err
    assert said.out.splitlines()[1:] == ["    1  #ff0000   100.00%   100.00%"]


def test_a_run_warns_of_one_class(files: list[str], tmp_path: Path) -> None:
    plain = np.full((48, 48, 3), 9, np.uint8)
    told: list[object] = []
    stylize(files[0], plain, settings=Settings(maps="auto", iterations=1, scales=1), on_event=told.append)
    assert any("the style has one colour, so one class is proposed" in str(each) for each in told)
