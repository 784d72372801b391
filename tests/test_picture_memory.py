"""What reading a picture may take: counted before anything is decoded, and kept to."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from glstylenet.errors import ImageError, MemoryLimitError
from glstylenet.pictures import fitted_size, read_picture, resize
from glstylenet.run.inputs import read_sources
from glstylenet.settings import Settings

SUFFIXES = ("png", "jpg", "webp", "tif", "gif", "bmp")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_does_not_fit_is_refused_before_it_is_decoded(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (600, 500), (200, 30, 40)).save(path)
    for decoder in ("PIL.ImageFile.ImageFile.load", "imagecodecs.webp_decode", "tifffile.TiffPage.asarray"):
        monkeypatch.setattr(decoder, lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(
        MemoryLimitError, match=rf"a\.{suffix}.*600 x 500.*takes [67] MiB.* 2 MiB may be used"
    ) as e:
        read_picture(path, max_bytes=2 * 2**20)
    assert e.value.exit_code == 6


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_fits_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (600, 500), (200, 30, 40)).save(path)
    assert read_picture(path, max_bytes=16 * 2**20).size == (500, 600)


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_deep_tiff_counts_what_its_depth_takes(tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "a.tif"
    samples: npt.NDArray[np.generic] = np.zeros((500, 600, 3), dtype)
    tifffile.imwrite(path, samples, photometric="rgb", compression="zlib")
    needed = 500 * 600 * (12 + samples.itemsize * 3)  # the result, and the samples
    with pytest.raises(MemoryLimitError):
        read_picture(path, max_bytes=needed - 1)


def test_the_setting_memory_counts_all_pictures_of_a_run(tmp_path: Path) -> None:
    """Each fits by itself: 2000 x 1000 pixels take 23 MiB as a result, and 38 MiB while they are read."""
    Image.new("RGB", (2000, 1000), (9, 99, 199)).save(tmp_path / "a.png")
    path, settings = str(tmp_path / "a.png"), Settings(memory="64MiB", size=64, device="cpu")
    assert read_picture(path, max_bytes=64 * 2**20).size == (1000, 2000)
    with pytest.raises(
        MemoryLimitError, match=r"2000 x 1000.*takes 38 MiB.* 41 MiB|takes 38 MiB.*MiB may be"
    ):
        read_sources(path, path, content_map=path, style_map=path, settings=settings)
    roomy = settings.replace(memory=160 * 2**20)
    assert read_sources(path, path, content_map=path, style_map=path, settings=roomy).size == (32, 64)


def test_a_picture_beyond_the_limit_of_pillow_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of pixels is --max-pixels alone, in WebP as in other formats."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    Image.new("RGB", (60, 50), (200, 30, 40)).save(tmp_path / "a.webp", lossless=True)
    assert read_picture(tmp_path / "a.webp").size == (50, 60)
    with pytest.raises(ImageError, match="--max-pixels"):
        read_picture(tmp_path / "a.webp", max_pixels=2999)


PEAK = """
import sys
from pathlib import Path
from glstylenet.errors import GLStyleNetError
from glstylenet.pictures import fitted_size, read_picture, resize
import numpy, tifffile, imagecodecs

def kibibytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))

read_picture(numpy.zeros((9, 9, 3), numpy.uint8))
for path in sys.argv[1:]:
    before = kibibytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    try:
        picture = read_picture(path, max_pixels=4_000_000)
        picture = None
    except GLStyleNetError as error:
        pass
    print(kibibytes("VmHWM") - before)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
def test_peaks_of_reading(tmp_path: Path) -> None:
    """Each picture has 4 million pixels, most of its memory is the result's 12 or 16 bytes a pixel."""
    sparse, tall = tmp_path / "sparse.png", tmp_path / "tall.png"
    header = b"IHDR" + struct.pack(">IIBBBBB", 44, 40, 8, 2, 0, 0, 0)
    with sparse.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + header + struct.pack(">I", zlib.crc32(header)))
        file.truncate(600 * 2**20)
    Image.new("RGBA", (2000, 2000), (1, 2, 3, 4)).save(tall)
    webp, jpg = tmp_path / "a.webp", tmp_path / "a.jpg"
    Image.new("RGBA", (2000, 2000), (1, 2, 3, 4)).save(webp, lossless=True, method=0, quality=0)
    Image.new("RGB", (2000, 2000), (1, 2, 3)).save(jpg)
    paths = [str(each) for each in (sparse, jpg, webp, tall)]
    done = subprocess.run([sys.executable, "-c", PEAK, *paths], capture_output=True, text=True, check=True)
    peaks = [int(line) * 1024 / 4e6 for line in done.stdout.split()]
    assert peaks[0] * 4e6 < 20e6
    assert peaks[1] < 20
    assert max(peaks[2:]) < 28


@pytest.mark.parametrize(
    ("size", "longest", "decoded"),
    [
        ((480, 640), None, (480, 640)),
        ((480, 640), 640, (480, 640)),
        ((480, 640), 107, (480, 640)),  # less than six times as long
        ((480, 640), 106, (240, 320)),
        ((480, 640), 53, (120, 160)),
        ((480, 640), 26, (60, 80)),
        ((480, 642), 26, (240, 321)),  # a quarter would not divide the longer side
        ((481, 640), 26, (481, 640)),
    ],
)
def test_a_much_longer_jpeg_is_decoded_at_a_fraction(
    tmp_path: Path, size: tuple[int, int], longest: int | None, decoded: tuple[int, int]
) -> None:
    rows, columns = np.indices(size)
    waves = np.sin(rows / 23) * np.cos(columns / 31)
    samples = np.stack([waves * 100 + 128, rows % 200, columns % 250], 2).astype(np.uint8)
    Image.fromarray(samples).save(tmp_path / "a.jpg", quality=95)
    whole = read_picture(tmp_path / "a.jpg")
    part = read_picture(tmp_path / "a.jpg", longest_used=longest)
    assert tuple(part.pixels.shape[2:]) == decoded
    assert part.size == whole.size == size
    assert part.sha256 == whole.sha256
    wanted = fitted_size(size, longest)
    difference = (resize(part.pixels, wanted) - resize(whole.pixels, wanted)).abs()
    assert difference.mean() < 0.5
    if decoded != size:
        with pytest.raises(ImageError, match="at most"):  # a claim is a claim
            read_picture(tmp_path / "a.jpg", longest_used=longest, max_pixels=size[0] * size[1] - 1)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_size_of_a_part_is_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (640, 480)).save(tmp_path / "a.jpg", exif=exif)
    picture = read_picture(tmp_path / "a.jpg", longest_used=20)
    upright = (480, 640) if orientation in (1, 3) else (640, 480)
    assert (picture.size, tuple(picture.pixels.shape[2:])) == (upright, (upright[0] // 8, upright[1] // 8))


def test_a_run_reads_of_a_long_jpeg_what_it_uses(tmp_path: Path) -> None:
    Image.new("RGB", (1600, 800), (9, 99, 199)).save(tmp_path / "a.jpg")
    path, settings = str(tmp_path / "a.jpg"), Settings(size=100)
    sources = read_sources(path, path, content_map=path, style_map=path, settings=settings)
    shapes = {role: tuple(picture.pixels.shape[2:]) for role, picture in sources.pictures.items()}
    assert shapes == {
        "content": (200, 400),
        "style": (200, 400),
        "content_map": (800, 1600),
        "style_map": (800, 1600),
    }
    assert (sources.size, sources.style_size) == ((50, 100), (50, 100))
    finer = read_sources(
        path, path, content_map=None, style_map=None, settings=settings.replace(style_scale=2)
    )
    assert tuple(finer.pictures["style"].pixels.shape[2:]) == (400, 800)
