"""What reading a picture may take: counted before anything is decoded, and kept to."""

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from glstylenet.errors import ImageError, MemoryLimitError
from glstylenet.pictures import read_picture
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
        MemoryLimitError, match=rf"a\.{suffix}.*600 x 500.*takes 6 MiB.* 2 MiB may be used"
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
    path, samples = tmp_path / "a.tif", np.zeros((500, 600, 3), dtype)
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
from glstylenet.pictures import read_picture
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
