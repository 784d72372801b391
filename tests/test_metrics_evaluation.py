"""Every metric of whole pictures, and the command that prints them."""

import itertools
import json
import math
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageFilter

from glstylenet.cli import evaluate, main
from glstylenet.errors import ImageError, InputError, SemanticMapError, UsageError
from glstylenet.metrics import METRICS, Metrics, evaluate_picture
from glstylenet.metrics import evaluation as module
from glstylenet.metrics.evaluation import LONGEST_SIDE, USED_SETTINGS
from glstylenet.settings.model import Settings

Pixels = npt.NDArray[np.uint8]

HEIGHT, WIDTH = 80, 96


def drawn(kind: str, height: int = HEIGHT, width: int = WIDTH) -> Pixels:
    """A house before the sky, hatching above and dots below, or noise."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    grey = np.zeros((height, width))
    tint = np.array([1.0, 1.0, 1.0])
    if kind == "noise":
        return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == "content":
        grey = 60 + y
        grey[30:, 24:72] = 210.0
        grey[50:70, 40:52] = 90.0
    else:
        grey = np.where(y < height // 2, 130 + 90 * np.sin(x + y), 120 + 60 * np.sin(x / 2) * np.sin(y / 2))
        tint = np.array([1.0, 0.8, 0.4])
    return np.asarray((grey[..., None] * tint).clip(0, 255), np.uint8)


def drawn_map(height: int = HEIGHT, width: int = WIDTH) -> Pixels:
    values = np.zeros((height, width, 3), np.uint8)
    values[height // 2 :] = (255, 0, 0)
    return values


def blurred(pixels: Pixels, radius: float) -> Pixels:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


@pytest.fixture(scope="module")
def measured() -> dict[str, Metrics]:
    content, style = drawn("content"), drawn("style")
    half = np.asarray((0.25 * content.astype(float) + 0.75 * style).round(), np.uint8)
    kept = np.asarray((0.75 * content.astype(float) + 0.25 * style).round(), np.uint8)
    pictures = {
        "content": content,
        "style": style,
        "painted": half,
        "kept": kept,
        "blurred": blurred(half, 2.0),
        "noise": drawn("noise"),
        "exchanged": np.roll(style, HEIGHT // 2, axis=0),
    }
    return {
        name: evaluate_picture(
            picture, content, style, content_map=drawn_map(), style_map=drawn_map(), settings=Settings()
        )
        for name, picture in pictures.items()
    }


def values_of(measured: dict[str, Metrics], metric: str, *names: str) -> list[float]:
    values = [measured[name].as_dict()[metric] for name in names]
    return [math.nan if value is None else value for value in values]


def assert_rising(values: list[float]) -> None:
    assert all(before < after for before, after in itertools.pairwise(values)), values


def test_the_content_keeps_itself(measured: dict[str, Metrics]) -> None:
    content = measured["content"]
    assert content.ssim == pytest.approx(1)
    assert content.self_similarity_distance == pytest.approx(0, abs=1e-6)
    assert content.line_deviation == 0


def test_structure_orders_content_painted_and_noise(measured: dict[str, Metrics]) -> None:
    assert_rising(values_of(measured, "ssim", "noise", "painted", "kept", "content"))
    assert_rising(values_of(measured, "self_similarity_distance", "content", "kept", "noise"))
    assert_rising(values_of(measured, "self_similarity_distance", "kept", "painted"))
    assert_rising(values_of(measured, "line_deviation", "content", "kept", "noise"))


def test_the_style_is_at_no_distance_from_itself(measured: dict[str, Metrics]) -> None:
    style = measured["style"].as_dict()
    for name in ("texture_distance", "texture_distance_by_class", "colour_distance", "leaks"):
        assert style[name] == pytest.approx(0, abs=1e-6), name
    assert style["plausibility_distance"] == pytest.approx(0, abs=1e-4)
    assert style["coverage_distance"] == pytest.approx(0, abs=1e-4)
    assert style["sharpness"] == style["colourfulness"] == 1
    assert measured["style"].glitches <= 1
    assert style["coherence"] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    "metric", ["texture_distance", "plausibility_distance", "coverage_distance", "texture_distance_by_class"]
)
def test_style_orders_style_painted_content_and_noise(measured: dict[str, Metrics], metric: str) -> None:
    assert_rising(values_of(measured, metric, "style", "painted", "content"))
    assert_rising(values_of(measured, metric, "style", "painted", "noise"))


def test_colour_orders_style_painted_and_content(measured: dict[str, Metrics]) -> None:
    assert_rising(values_of(measured, "colour_distance", "style", "painted", "content"))
    assert_rising(values_of(measured, "colour_distance_by_class", "style", "painted", "content"))


def test_blur_is_seen(measured: dict[str, Metrics]) -> None:
    assert_rising(values_of(measured, "sharpness", "blurred", "painted", "noise"))
    assert (measured["blurred"].sharpness or 1) < 0.3
    assert_rising(values_of(measured, "texture_distance", "painted", "blurred"))


def test_noise_is_torn_and_full_of_glitches(measured: dict[str, Metrics]) -> None:
    assert_rising(values_of(measured, "coherence", "noise", "painted", "style"))
    assert_rising(values_of(measured, "glitches", "painted", "noise"))


def test_regions_exchanged_are_leaks_and_far_within_their_class(measured: dict[str, Metrics]) -> None:
    exchanged = measured["exchanged"]
    assert (exchanged.leaks or 0) > 0.8
    assert (exchanged.texture_distance_by_class or 0) > 3 * exchanged.texture_distance
    assert [each.colour for each in exchanged.classes] == ["#000000", "#ff0000"]
    assert sum(each.share for each in exchanged.classes) == pytest.approx(1)


def test_values_lie_in_their_ranges(measured: dict[str, Metrics]) -> None:
    for metrics in measured.values():
        for metric in METRICS:
            value = metrics.as_dict()[metric.name]
            low, _, high = metric.range.removesuffix(" pixels").partition(" to ")
            assert value is not None
            assert value >= float(low.removesuffix(" or more"))
            assert not high or value <= float(high)


def test_without_maps_there_is_nothing_to_leak() -> None:
    metrics = evaluate_picture(drawn("style"), drawn("content"), drawn("style"))
    assert metrics.leaks is metrics.texture_distance_by_class is metrics.colour_distance_by_class is None
    assert metrics.classes == ()


def test_the_same_twice_is_the_same(measured: dict[str, Metrics]) -> None:
    again = evaluate_picture(
        drawn("noise"),
        drawn("content"),
        drawn("style"),
        content_map=drawn_map(),
        style_map=drawn_map(),
    )
    assert again.as_dict() == pytest.approx(measured["noise"].as_dict(), rel=1e-4, abs=1e-4)


def test_large_pictures_are_reduced_and_narrow_ones_not_too_far(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, ...]] = []

    def stop(image: npt.NDArray[np.float64], _content: object) -> float:
        sizes.append(image.shape)
        raise InterruptedError

    monkeypatch.setattr(module, "LONGEST_SIDE", 96)
    monkeypatch.setattr(module, "structural_similarity", stop)
    for height, width in ((96, 192), (32, 320)):
        pixels = drawn("noise", height, width)
        with pytest.raises(InterruptedError):
            evaluate_picture(pixels, pixels, drawn("style"))
    assert sizes == [(48, 96), (32, 320)]
    assert LONGEST_SIDE == 512


@pytest.mark.parametrize("size", [(32, 32), (33, 47)])
def test_the_smallest_pictures_have_metrics(size: tuple[int, int]) -> None:
    noise = drawn("noise", *size)
    metrics = evaluate_picture(noise, noise, noise)
    assert metrics.ssim == pytest.approx(1)
    assert metrics.texture_distance == 0


def test_flat_pictures_have_no_metric_that_would_divide_by_nothing() -> None:
    flat = np.full((48, 48, 3), 90, np.uint8)
    metrics = evaluate_picture(flat, flat, flat)
    assert metrics.sharpness is metrics.line_deviation is None
    assert all(value is None or math.isfinite(value) for value in metrics.as_dict().values())


def test_a_picture_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"64 x 64 pixels, expected a result of 96 x 80; .*--size"):
        evaluate_picture(drawn("noise", 64, 64), drawn("content"), drawn("style"))
    small = Settings(size=48)
    assert evaluate_picture(drawn("noise", 40, 48), drawn("content"), drawn("style"), settings=small)


def test_maps_are_checked() -> None:
    pictures = (drawn("noise"), drawn("content"), drawn("style"))
    with pytest.raises(UsageError, match="no style map"):
        evaluate_picture(*pictures, content_map=drawn_map())
    with pytest.raises(SemanticMapError):
        evaluate_picture(*pictures, content_map=drawn_map(), style_map=drawn_map(40, 96))


def test_the_catalogue_tells_of_every_metric() -> None:
    assert [metric.name for metric in METRICS] == [
        field.name for field in fields(Metrics) if field.name not in ("classes", "styles")
    ]
    for metric in METRICS:
        assert all((metric.range, metric.formula, metric.source, metric.sentence))
        assert not any(word in str(metric) for word in ("LPIPS", "FID"))


def test_the_page_tells_of_every_metric() -> None:
    page = (Path(__file__).parent.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
    for metric in METRICS:
        _, section = page.split(f"## {metric.name}\n", maxsplit=1)
        section = section.split("\n## ")[0]
        for word in (f": {metric.range}", "**Formula.**", "**Source.**", "**Cannot tell"):
            assert word in section, f"{metric.name} lacks {word}"
    assert f"{LONGEST_SIDE} pixels" in page


# The command


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("content", "style", "noise"):
        Image.fromarray(drawn(name)).save(f"{name}.png")
    for name in ("content_map", "style_map"):
        Image.fromarray(drawn_map()).save(f"{name}.png")
    return tmp_path


CALL = ("evaluate", "noise.png", "content.png", "style.png")
MAPS = ("--content-map", "content_map.png", "--style-map", "style_map.png")


def test_the_command_prints_one_json_object(
    desk: Path, measured: dict[str, Metrics], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*CALL, *MAPS, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report) == {"image", "metrics", "classes", "styles", "settings"}
    assert report["image"] == "noise.png"
    assert report["metrics"] == pytest.approx(measured["noise"].as_dict(), rel=1e-4, abs=1e-4)
    assert [each["colour"] for each in report["classes"]] == ["#000000", "#ff0000"]
    assert report["settings"]["size"] is None
    assert main([*CALL, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["metrics"]["leaks"] is None
    assert report["classes"] == []


def test_the_command_prints_a_table(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CALL, *MAPS]) == 0
    output = capsys.readouterr().out
    for metric in METRICS:
        [line] = [line for line in output.splitlines() if line.startswith(f"{metric.name} ")]
        assert f" {metric.direction}" in line
        assert line.endswith(metric.sentence)
    assert "#ff0000" in output


def test_the_command_offers_the_settings_that_are_used() -> None:
    assert evaluate._OPTIONS == USED_SETTINGS
    assert set(USED_SETTINGS) <= set(Settings.model_fields)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((*CALL, "--size", "64"), 3, "expected a result of 64 x 53"),
        (("evaluate", "nowhere.png", "content.png", "style.png"), 3, "nowhere.png"),
        ((*CALL, *MAPS[:2]), 2, "no style map"),
        (("evaluate", "noise.png", "content.png"), 2, "STYLE"),
        ((*CALL, "--size", "3"), 2, "size is"),
    ],
)
def test_what_is_wrong_is_said(
    desk: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, message: str
) -> None:
    assert main(list(words)) == code
    streams = capsys.readouterr()
    assert streams.out == ""
    assert message in streams.err


def test_without_scikit_image_the_extra_is_named_before_anything_is_read(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "skimage", None)
    assert main(["evaluate", "nowhere.png", "content.png", "style.png"]) == 2
    assert "pip install 'glstylenet[report]'" in capsys.readouterr().err
    assert main(["loss", "noise.png", "content.png", "style.png"]) == 0  # all else works without it


def test_what_is_transparent_is_not_compared() -> None:
    """The distance to the colours of the opaque half is that to a picture of this half alone."""
    generator = np.random.default_rng(0)
    content, image = (generator.integers(0, 256, (32, 64, 3), dtype=np.uint8) for _ in range(2))
    style = np.full((32, 64, 4), 255, np.uint8)
    style[:, :, :3] = generator.integers(0, 100, (32, 64, 3))
    half = np.ascontiguousarray(style[:, :32, :3])
    style[:, 32:] = (0, 255, 0, 0)
    whole, alone = (evaluate_picture(image, content, each) for each in (style, half))
    assert whole.colour_distance == pytest.approx(alone.colour_distance, abs=1e-4)
    assert whole.texture_distance == pytest.approx(alone.texture_distance, rel=0.2)  # the border differs
    assert whole.coverage_distance == pytest.approx(alone.coverage_distance, rel=0.2)


def test_a_content_that_is_transparent_is_refused() -> None:
    generator = np.random.default_rng(0)
    content = generator.integers(0, 256, (32, 64, 4), dtype=np.uint8)
    content[..., 3] = 0
    with pytest.raises(ImageError, match="transparent"):
        evaluate_picture(content[..., :3].copy(), content, content[..., :3].copy())
