"""The style of a giant picture: its features lie in the store, and no process holds them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from glstylenet.giant import GiantOptions, paint_giant
from glstylenet.giant.size_context import SizeContext
from glstylenet.giant.store import Store
from glstylenet.giant.style_features import StyleFeatures
from glstylenet.network import VGG19, load_weights
from glstylenet.objective.styles import StyleGuide, softened
from glstylenet.objective.tile_features import FeatureExtractor
from glstylenet.pyramid import SCHEMES, cut_into_tiles
from glstylenet.settings import Settings
from tests.long_cases import rest_is_long

_MIB = 2**20


def _features(
    store: Store,
    scheme: str,
    network: VGG19,
    *,
    side: int,
    softened_through: tuple[int, int] | None = None,
) -> StyleFeatures:
    """The features of the style in ``store``, written tile by tile."""
    tiles = cut_into_tiles(store.size_of("style"), side)
    groups = SCHEMES[scheme].groups
    features = StyleFeatures(
        store,
        "style",
        str,
        number=0,
        tiles=tiles,
        groups=groups,
        dtype=network.dtype,
        softened_through=softened_through,
    )
    names = []
    for number in range(len(tiles)):
        names.append(f"style-{number}")
        store.write_tensors(names[-1], features.compute(number, network))
    features.join(names)
    return features


@pytest.mark.parametrize(
    ("scheme", "dtype"),
    rest_is_long([("g", torch.float32), ("h", torch.float32), ("g", torch.bfloat16)], short=1),
)
def test_stored_features_are_those_of_the_network(scheme: str, dtype: torch.dtype, tmp_path: Path) -> None:
    """By tiles, of an odd size, to the last bit; and the picture as it was."""
    store, groups = Store(tmp_path), SCHEMES[scheme].groups
    style = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (1, 3, 101, 150))).float()
    store.write_pixels("style", style)
    network = VGG19(load_weights("embedded").tensors, dtype=dtype)
    stored = _features(store, scheme, network, side=64)
    assert len(stored.tiles) > 2
    expected = FeatureExtractor(network, 64).fused(style, groups)
    found = stored.fused(style, groups)
    assert [each.dtype for each in found] == [dtype] * len(groups)
    assert all(torch.equal(*both) for both in zip(found, expected, strict=True))
    # A position's numbers lie together, as after the network: searches read whole positions.
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in found)
    assert torch.equal(stored.picture(), style)


def test_a_smaller_style_is_the_resized_one(tmp_path: Path) -> None:
    """A tile is computed from its own part of the resized style alone."""
    store = Store(tmp_path)
    ramp = torch.linspace(0, 255, 300).expand(1, 3, 200, 300)
    store.write_pixels("style", ramp)
    tiles = cut_into_tiles((100, 150), 64)
    network = VGG19(load_weights("embedded").tensors)
    groups = SCHEMES["g"].groups
    features = StyleFeatures(store, "style", str, number=0, tiles=tiles, groups=groups, dtype=network.dtype)
    for number, tile in enumerate(tiles):
        picture = features.compute(number, network)["picture"]
        own = tile.positions(1)
        assert picture.shape == (3, *own.size)
        halved = ramp.reshape(1, 3, 100, 2, 150, 2).mean((3, 5))[0][:, *own.slices]
        assert (picture - halved).abs().max() < 0.7


def test_a_soft_style_is_the_reduced_one_enlarged(tmp_path: Path) -> None:
    """By tiles: the features of the picture that the whole run compares with; it has no pixels to copy."""
    store, groups = Store(tmp_path), SCHEMES["g"].groups
    style = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (1, 3, 100, 152))).float()
    store.write_pixels("style", style)
    network = VGG19(load_weights("embedded").tensors)
    stored = _features(store, "g", network, side=64, softened_through=(50, 76))
    soft = softened(StyleGuide(style), 2.0).picture
    expected = FeatureExtractor(network, 64).fused(soft, groups)
    for found, each in zip(stored.fused(soft, groups), expected, strict=True):
        assert float((found - each).abs().max()) < 1e-3 * float(each.abs().max())
    assert not store.has("style-picture-0")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_what_was_read_of_a_mapped_array_is_given_back(tmp_path: Path) -> None:
    store, numbers = Store(tmp_path), torch.arange(2.0**23).view(2, -1)
    store.write_array("numbers", tuple(numbers.shape), numbers.dtype, [((slice(None), slice(None)), numbers)])
    mapped = store.map_array("numbers", numbers.dtype)
    before = _file_bytes()
    assert torch.equal(mapped.tensor, numbers)
    read = _file_bytes()
    mapped.release()
    released = _file_bytes()
    assert read - before > 31 * _MIB
    assert read - released > 31 * _MIB
    assert torch.equal(mapped.tensor, numbers)


def _file_bytes() -> int:
    """The memory of this process that is read from files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssFile"))


_PEAK = """
import sys, threading, time
from pathlib import Path
import numpy as np
from glstylenet.giant import GiantOptions, paint_giant
from glstylenet.machine import keep_freed_memory
from glstylenet.settings import Settings

keep_freed_memory()
peak, is_done = 0, False

def watch():
    global peak
    while not is_done:
        lines = Path("/proc/self/status").read_text().splitlines()
        peak = max(peak, next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")))
        time.sleep(0.01)

random = np.random.default_rng(1)
content, style = (random.integers(0, 256, (256, 256, 3), dtype=np.uint8) for _ in range(2))
settings = Settings(quality="draft", precision="float32", device="cpu", style_scale=float(sys.argv[2]))
options = GiantOptions(area=256, sweeps=1, evaluations=1, coarse_pixels=5_000)
thread = threading.Thread(target=watch)
thread.start()
paint_giant(content, style, store=Path(sys.argv[1]), settings=settings, options=options)
is_done = True
thread.join()
print(peak // 1024)
"""


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_a_larger_style_takes_no_more_memory(tmp_path: Path) -> None:
    """One of 4 megapixels, whose features are 240 MiB, against one of a quarter of a megapixel."""
    peaks = []
    for scale in (2, 8):
        program = [sys.executable, "-c", _PEAK, str(tmp_path / str(scale)), str(scale)]
        child = subprocess.run(program, capture_output=True, text=True, check=True)
        peaks.append(int(child.stdout))
    small, large = peaks
    assert large < small + 110


@pytest.mark.long
def test_nothing_is_written_where_no_term_compares_styles(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    content, style = (random.integers(0, 256, (64, 160, 3), dtype=np.uint8) for _ in range(2))
    settings = Settings(
        quality="draft", precision="float32", coarsest=64, device="cpu", local_weight=0.0, global_weight=0.0
    )
    options = GiantOptions(area=128, sweeps=1, evaluations=1, coarse_pixels=3000)
    picture = paint_giant(content, style, store=tmp_path / "store", settings=settings, options=options)
    assert picture is not None
    context = SizeContext(tmp_path / "store", picture.manifest, 1)
    assert context.style_features == []
    assert not list((tmp_path / "store" / "size-1").glob("style*"))
