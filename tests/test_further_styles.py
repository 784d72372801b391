"""Several styles on the command line: the options, and what a run makes of them."""

import hashlib
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glstylenet.cli import main
from glstylenet.cli.further_styles import StyleOptions, parse_regions, parse_weights
from glstylenet.errors import UsageError
from glstylenet.report.results_file import Task
from glstylenet.settings.model import Settings
from glstylenet.settings.roles import FurtherStyles, Pictures

FAST = ("--iterations", "2", "--scales", "1", "--precision", "float32", "--device", "cpu", "--quiet")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A content, its map of red and blue halves, and two styles."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("content.png", "first.png", "second.png")):
        values = np.random.default_rng(seed).integers(0, 256, (40, 36 + 4 * seed, 3), dtype=np.uint8)
        Image.fromarray(values).save(tmp_path / name)
    halves = np.zeros((40, 36, 3), np.uint8)
    halves[:, :18, 0] = halves[:, 18:, 2] = 255
    Image.fromarray(halves).save(tmp_path / "map.png")
    return tmp_path


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# The options


def test_weights_are_a_number_for_each_style() -> None:
    assert parse_weights(" 1, 0.5,0", 3) == (1.0, 0.5, 0.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1", "holds 1 weight, and there are 2 styles"),
        ("1,2,3", "holds 3 weights, and there are 2 styles"),
        ("1,-2", "'-2' is no number of at least 0"),
        ("1,inf", "'inf' is no number"),
        ("1,", "'' is no number"),
        ("one,two", "'one' is no number"),
    ],
)
def test_other_weights_are_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_weights(text, 2)
    assert words in str(caught.value)


def test_regions_are_sorted_by_style() -> None:
    assert parse_regions(["red=2", "3=1", "#00ff00 = 2"], 3) == (("3",), ("red", "#00ff00"), ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("red=3", "there is no style 3; the styles are 1 to 2"),
        ("red=0", "there is no style 0"),
        ("red=", "there is no style without a number"),
        ("red=two", "there is no style two"),
        ("red", "expected CLASS=N"),
        ("=1", "expected CLASS=N"),
    ],
)
def test_other_regions_are_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_regions([text], 2)
    assert words in str(caught.value)


def test_maps_are_as_many_as_further_styles() -> None:
    two = [Path("a.png"), Path("b.png")]
    assert StyleOptions(two, ["none", "m.png"], None, []).parsed().maps == (None, Path("m.png"))
    assert StyleOptions(two, [], None, []).parsed().maps == (None, None)
    with pytest.raises(UsageError, match="got 1 --add-style-map for 2 --add-style"):
        StyleOptions(two, ["m.png"], None, []).parsed()


# A run

STYLES = ("first.png", "--add-style", "second.png", "--content-map", "map.png", "--region", "blue=2")


@pytest.mark.long
def test_a_recipe_repeats_a_run_with_several_styles(desk: Path) -> None:
    words = ("content.png", *STYLES, "--region", "red=1", "--style-weights", "1,0.5")
    assert main(["stylize", *words, "-o", "out.png", *FAST]) == 0
    assert main(["stylize", "--recipe", "out.png", "-o", "again.png", "--quiet"]) == 0
    assert _digest(desk / "again.png") == _digest(desk / "out.png")
    changed = ("--recipe", "out.png", "--region", "red=2", "--region", "blue=1", "-o", "changed.png")
    assert main(["stylize", *changed, "--quiet"]) == 0
    assert _digest(desk / "changed.png") != _digest(desk / "out.png")
    moved = ("--recipe", "out.png", "--add-style", "second.png", "--add-style", "first.png", "-o", "x.png")
    assert main(["stylize", *moved]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--region", "pink=1"), "the classes are 1 #"),
        (("--region", "red=3"), "the styles are 1 to 2"),
        (("--style-weights", "1"), "there are 2 styles"),
        (
            ("--add-style-map", "map.png", "--add-style-map", "none"),
            "got 2 --add-style-map for 1 --add-style",
        ),
        (("--region", "blue=1"), "is to be painted from style and from style 2"),
    ],
)
@pytest.mark.usefixtures("desk")
def test_wrong_options_are_usage_errors(
    words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stylize", "content.png", *STYLES, *words, "-o", "out.png", *FAST]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.long
def test_a_dry_run_checks_and_counts_further_styles(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    memory = []
    for words in (STYLES[:1], (*STYLES, "--region", "red=1")):
        arguments = ("stylize", "content.png", *words, "-o", "out.png", *FAST, "--dry-run", "--json")
        assert main([*arguments]) == 0
        memory.append(json.loads(capsys.readouterr().out)["memory_bytes"])
    assert memory[1] > memory[0]
    assert not (desk / "out.png").exists()


@pytest.mark.long
def test_a_batch_has_the_same_styles_for_all(desk: Path) -> None:
    (desk / "more").mkdir()
    for name in ("a.png", "b.png"):
        (desk / "more" / name).write_bytes((desk / "content.png").read_bytes())
    assert main(["stylize", "more", *STYLES, "-o", "made/", *FAST, "--no-metadata"]) == 0
    assert main(["stylize", "content.png", *STYLES, "-o", "out.png", *FAST, "--no-metadata"]) == 0
    made = {_digest(desk / "made" / f"{name}__first.png") for name in "ab"}
    assert made == {_digest(desk / "out.png")}


@pytest.mark.usefixtures("desk")
def test_a_further_style_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("content.png", *STYLES, "-o", "second.png", "--overwrite", *FAST)
    assert main(["stylize", *words]) == 5
    assert "second.png" in capsys.readouterr().err


# loss


def _losses(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, float]:
    assert main(["loss", "content.png", "content.png", *words, "--device", "cpu", "--json"]) == 0
    losses: dict[str, float] = json.loads(capsys.readouterr().out)["losses"]
    return losses


@pytest.mark.long
@pytest.mark.usefixtures("desk")
def test_the_losses_of_several_styles_are_those_that_a_run_reports(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = (*STYLES, "--region", "red=1", "--style-weights", "1,0.5")
    assert main(["stylize", "content.png", *words, "-o", "out.png", *FAST, "--json"]) == 0
    reported = json.loads(capsys.readouterr().out)["losses"]
    measured = ["loss", "out.png", "content.png", *words, "--device", "cpu", "--json"]
    assert main(measured) == 0
    captured = capsys.readouterr()
    # The result was rounded to bytes.
    assert json.loads(captured.out)["losses"] == pytest.approx(reported, rel=0.02)
    assert "is painted from all of style 2, which has no map" in captured.err


@pytest.mark.usefixtures("desk")
def test_a_style_of_weight_0_has_no_part_in_the_losses(capsys: pytest.CaptureFixture[str]) -> None:
    alone = _losses(capsys, "first.png")
    assert _losses(capsys, "first.png", "--add-style", "second.png", "--style-weights", "1,0") == alone
    itself = _losses(capsys, "first.png", "--add-style", "content.png")
    assert alone["local"] > 1e6
    assert itself["local"] < 1.0, "every patch of the picture is there"
    assert 0 < itself["global"] < alone["global"], "half of what it is compared with is itself"


# sweep


@pytest.mark.long
def test_weights_of_styles_are_an_axis(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = ("--style-weights", "1,0", "--style-weights", "1,1", "--style-weights", "0,1")
    words = ("sweep", "content.png", "first.png", "--add-style", "second.png", *sets, "-o", "sweep")
    assert main([*words, *FAST, "--init", "content,noise"]) == 0
    names = [f"init-{start}__style_weights-{each}" for start in ("content", "noise") for each in _SETS]
    assert {path.stem for path in (desk / "sweep" / "pictures").iterdir()} == set(names)
    page = (desk / "sweep" / "index.html").read_text()
    assert all(f"style weights {label}" in page for label in ("1,0", "1,1", "0,1"))
    records = {
        each["name"]: each for each in json.loads((desk / "sweep" / "results.json").read_text())["results"]
    }
    repeat = shlex.split(records[names[1]]["command"])
    assert repeat[4:8] == ["-o", f"{names[1]}.png", "--add-style", "second.png"]
    assert main([*repeat[1:], "--quiet"]) == 0
    assert _pixels(desk / f"{names[1]}.png") == _pixels(desk / "sweep" / "pictures" / f"{names[1]}.png")
    assert main(["stylize", "content.png", "second.png", "-o", "alone.png", *FAST, "--init", "content"]) == 0
    assert _pixels(desk / "alone.png") == _pixels(desk / "sweep" / "pictures" / f"{names[2]}.png")
    capsys.readouterr()
    assert main([*words, "--iterations", "2", *FAST[2:-1], "--init", "content,noise"]) == 0
    assert capsys.readouterr().err.count("kept") == 6


_SETS = ("1_0", "1_1", "0_1")


def _pixels(path: Path) -> bytes:
    return Image.open(path).tobytes()


@pytest.mark.long
def test_a_second_sweep_adds_weights_and_refuses_another_style(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No folder holds cells of two styles, whether a set of weights is shared or none is."""
    folder = desk / "sweep" / "pictures"

    def swept(style: str, *weights: str, more: tuple[str, ...] = ()) -> int:
        sets = [word for each in weights for word in ("--style-weights", each)]
        words = ("content.png", "first.png", "--add-style", style, *sets, *more, "-o", "sweep")
        return main(["sweep", *words, *FAST])

    assert swept("second.png", "1,0.5", "1,1") == 0
    first = _digest(folder / "style_weights-1_1.png")
    written = (folder / "style_weights-1_1.png").stat().st_mtime_ns
    assert swept("second.png", "1,1", "0,1") == 0
    assert (folder / "style_weights-1_1.png").stat().st_mtime_ns == written
    page = (desk / "sweep" / "index.html").read_text()
    assert "0,1" in page
    assert "1,0.5" not in page
    for weights in (("1,1", "0,2"), ("1,3", "1,4")):
        assert swept("content.png", *weights) == 5
        assert "another sweep" in capsys.readouterr().err
    bound = ("--content-map", "map.png", "--region", "blue=2")
    assert swept("second.png", "1,1", "1,3", more=bound) == 5
    assert _digest(folder / "style_weights-1_1.png") == first
    assert swept("content.png", "1,1", "1,3", more=("--overwrite",)) == 0
    assert _digest(folder / "style_weights-1_1.png") != first
    results = json.loads((desk / "sweep" / "results.json").read_text())["results"]
    assert {each["name"] for each in results} == {"style_weights-1_1", "style_weights-1_3"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--style-weights", "1,0", "--style-weights", "1"), "holds 1 weight, and there are 2 styles"),
        (("--style-weights", "1,1", "--style-weights", "2,2"), "are the same settings"),
        (("--style-weights", "1,1", "--style-weights", "1,1"), "more than once"),
        (("--style-weights", "1,1", "--style-weights", "0,0"), "none of the 2 styles has a weight above 0"),
        (("--local-weight", "1,2", "--region", "red=3"), "the styles are 1 to 2"),
        (("--local-weight", "1,2", "--region", "pink=2", "--content-map", "map.png"), "the classes are 1 #"),
        (("--local-weight", "1,2", "--content-map", "map.png"), "add --style-map"),
        (("--style-weights", "1,1"), "nothing varies"),
    ],
)
def test_wrong_styles_of_a_sweep_are_usage_errors(
    desk: Path, words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    styles = ("first.png", "--add-style", "second.png")
    assert main(["sweep", "content.png", *styles, *words, "-o", "sweep", *FAST]) == 2
    assert message in capsys.readouterr().err
    assert not (desk / "sweep").exists()


@pytest.mark.usefixtures("desk")
def test_what_styles_weigh_and_paint_is_a_part_of_a_task() -> None:
    files = [Path(name) for name in ("content.png", "first.png", "map.png")]
    keys = [
        Task("a", Pictures(*files, further=FurtherStyles((files[1],), (None,), *each)), Settings()).key({})
        for each in (((), ()), ((1.0, 0.5), ()), ((1.0, 0.7), ()), ((), ((), ("red",))))
    ]
    assert len(set(keys)) == 4
    plain = Task("a", Pictures(*files), Settings()).key({})
    assert plain == Task("a", Pictures(*files, further=FurtherStyles()), Settings()).key({})


@pytest.mark.long
def test_a_sweep_says_that_a_style_without_a_map_is_used_as_a_whole(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("content.png", *STYLES, "--region", "red=1", "--style-weights", "1,1", "--style-weights", "1,2")
    assert main(["sweep", *words, "-o", "sweep", *FAST]) == 0
    assert "#0000ff is painted from all of style 2, which has no map" in capsys.readouterr().err
    assert len(list((desk / "sweep" / "pictures").iterdir())) == 2
