"""Writing pictures: what comes back, what is refused beforehand, and what stays when writing fails."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import torch
from PIL import Image, ImageCms, JpegImagePlugin
from torch import Tensor

from glstylenet.errors import ImageError, OutputError, SettingsError
from glstylenet.files.atomic import replacing, write_text
from glstylenet.files.file_set import FileSet
from glstylenet.files.lock import claim_output
from glstylenet.pictures import encode
from glstylenet.pictures.formats import output_format, writable_formats
from glstylenet.pictures.png16 import write_png
from glstylenet.pictures.read import read_picture
from glstylenet.pictures.write import check_output, read_recipe, write_picture

SUFFIXES = [suffix for form in writable_formats() for suffix in form.suffixes]
RECIPE = json.dumps({"artist": "齐白石 – Größe", "mood": "🌊", "seed": 7}, ensure_ascii=False)
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(sys.path),
}  # other processes import what this one does


def picture(height: int = 9, width: int = 14) -> Tensor:
    """A smooth ramp in (1, 3, H, W), 0..255, with fractions and both ends of the range."""
    down, across = torch.linspace(0, 255, height)[:, None], torch.linspace(0, 255, width)[None, :]
    planes = [down.expand(height, width), across.expand(height, width), (down + across) / 2]
    return torch.stack(planes)[None]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("with_alpha", [False, True])
@pytest.mark.parametrize(
    ("suffix", "bits"),
    [*((suffix, 8) for suffix in SUFFIXES), (".png", 16), (".tif", 16), (".TIFF", 16), (".PNG", 8)],
)
def test_what_is_written_is_read_back(tmp_path: Path, suffix: str, bits: int, with_alpha: bool) -> None:
    path, pixels = tmp_path / f"result{suffix}", picture()
    alpha = torch.linspace(0, 1, 14).expand(1, 1, 9, 14) if with_alpha else None
    write_picture(path, pixels, alpha=alpha, bits=bits, recipe=RECIPE)
    back = read_picture(path)
    form = output_format(path)
    assert form is not None
    kind = form.name
    with Image.open(path) as image:
        assert image.format == kind.upper()
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            assert JpegImagePlugin.get_sampling(image) == 0  # 4:4:4
    expected, seen = pixels, slice(None)
    tolerance = 6.0 if kind == "JPEG" else 0.51 if bits == 8 else 0.51 / 257
    if alpha is not None and kind == "JPEG":
        expected = pixels * alpha + 255 * (1 - alpha)
    if alpha is not None and kind != "JPEG":
        seen = slice(1, None)  # the first column is transparent
        assert back.alpha is not None
        assert (back.alpha - alpha).abs().max() <= 0.51 / (255 if bits == 8 else 65535)
    else:
        assert back.alpha is None
    assert (back.pixels - expected)[..., seen].abs().max() <= tolerance
    assert back.notes == ()
    assert read_recipe(path) == RECIPE
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("bits", [8, 16])
def test_values_are_rounded_not_cut(tmp_path: Path, bits: int) -> None:
    pixels = torch.tensor([0.4, 0.6, 254.6, 255.0, 100.49, 127.50194, -3.0, 300.0]).expand(1, 3, 2, 8)
    write_picture(tmp_path / "a.png", pixels, bits=bits)
    write_picture(tmp_path / "a.tif", pixels, bits=bits)
    by_eight, by_sixteen = (
        [0, 1, 255, 255, 100, 128, 0, 255],
        [103, 154, 65432, 65535, 25826, 32768, 0, 65535],
    )
    expected = by_eight if bits == 8 else by_sixteen
    stored = tifffile.imread(tmp_path / "a.tif")
    assert stored.dtype == (np.uint8 if bits == 8 else np.uint16)
    assert stored[0, :, 2].tolist() == expected
    unit = 1 if bits == 8 else 257
    got = read_picture(tmp_path / "a.png").pixels[0, 1, 1].double() * unit
    assert got.tolist() == pytest.approx(expected, abs=0.01)


def test_a_png_is_a_png_to_others(tmp_path: Path) -> None:
    noise = torch.rand(1, 3, 1600, 900, generator=torch.Generator().manual_seed(1)) * 255
    write_picture(tmp_path / "a.png", noise)  # large enough for several strips and several chunks
    with Image.open(tmp_path / "a.png") as image:
        image.verify()
    expected = noise.add(0.5).floor().to(torch.uint8)[0].permute(1, 2, 0).numpy()
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(np.asarray(image), expected)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_an_srgb_profile_and_nothing_else(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_picture(path, picture())
    assert read_recipe(path) is None
    with Image.open(path) as image:
        profile = image.info["icc_profile"]
        kept = {305, 306, 270, 0x8769, 0x9286} & set(image.getexif())
        assert not kept  # no software, date, description or comment
        assert not getattr(image, "text", {})
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile)))
    assert profile[24:36] == bytes(12)  # no date


@pytest.mark.long
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_the_same_call_writes_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    code = (
        "import sys, torch; from pathlib import Path; from glstylenet.pictures.write import write_picture\n"
        "write_picture(Path(sys.argv[1]), torch.full((1, 3, 5, 6), 77.7), recipe='{\"a\": 1}')"
    )
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    write_picture(first, torch.full((1, 3, 5, 6), 77.7), recipe='{"a": 1}')
    time.sleep(1.1)  # dates in files have a resolution of a second
    subprocess.run([sys.executable, "-c", code, str(second)], check=True, env=ENVIRONMENT)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".tif", ".png"])
def test_the_captions_of_other_programs_are_no_recipes(tmp_path: Path, suffix: str) -> None:
    place = tmp_path / f"a{suffix}"
    exif = Image.Exif()
    exif[0x010E] = "A walk by the sea"
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0A walk by the sea"
    Image.new("RGB", (4, 4)).save(place, exif=exif)
    assert read_recipe(place) is None
    gif = tmp_path / "a.gif"
    Image.new("RGB", (4, 4)).save(gif)
    assert read_recipe(gif) is None
    (tmp_path / "a.txt").write_text("no picture")
    with pytest.raises(ImageError, match="text"):
        read_recipe(tmp_path / "a.txt")


@pytest.mark.parametrize("text", ["x" * 70_000, "é" * 35_000])
def test_a_recipe_too_long_for_jpeg_is_left_out_with_a_note(tmp_path: Path, text: str) -> None:
    recipe = json.dumps({"text": text}, ensure_ascii=False)
    [note] = write_picture(tmp_path / "a.jpg", picture(), recipe=recipe)
    assert re.search(r"a\.jpg: the recipe was left out: it takes 70,\d+ bytes.*65,533", note)
    assert read_picture(tmp_path / "a.jpg").size == (9, 14)
    assert read_recipe(tmp_path / "a.jpg") is None
    for suffix in (".png", ".webp", ".tif"):
        assert write_picture(tmp_path / f"a{suffix}", picture(), recipe=recipe) == ()
        assert read_recipe(tmp_path / f"a{suffix}") == recipe


def test_text_may_hold_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    write_text(tmp_path / "page.html", os.fsdecode(b"caf\xe9.png gr\xc3\xbcn"))
    assert (tmp_path / "page.html").read_bytes() == b"caf\\udce9.png gr\xc3\xbcn"


def test_an_existing_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    place = tmp_path / "a.png"
    place.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"a\.png: exists already"):
        write_picture(place, picture())
    assert place.read_bytes() == b"precious"
    link = tmp_path / "link.png"
    link.symlink_to(place)
    write_picture(link, picture(), overwrite=True)
    assert link.is_symlink()
    assert read_picture(place).size == (9, 14)
    assert names(tmp_path) == ["a.png", "link.png"]
    umask = os.umask(0o022)
    os.umask(umask)
    assert place.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_a_replaced_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    place = tmp_path / "a.png"
    place.touch()
    place.chmod(mode)
    write_picture(place, picture(), overwrite=True)
    assert place.stat().st_mode & 0o777 == mode


@pytest.mark.parametrize(
    "fault", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("bug")]
)
@pytest.mark.parametrize("step", ["write_png", "fsync", "replace"])
def test_when_writing_fails_the_old_file_stays_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException, step: str
) -> None:
    place = tmp_path / "a.png"
    place.write_bytes(b"precious")

    def fail(*args: object, **kwargs: object) -> None:
        if args and hasattr(args[0], "write"):
            args[0].write(b"half a picture")
        raise fault

    monkeypatch.setattr(encode if step == "write_png" else os, step, fail)
    expected = OutputError if isinstance(fault, OSError) else type(fault)
    with pytest.raises(expected) as caught:
        write_picture(place, picture(), overwrite=True)
    if isinstance(fault, OSError):
        assert "No space left" in str(caught.value)
        assert caught.value.__cause__ is fault
    assert place.read_bytes() == b"precious"
    assert names(tmp_path) == ["a.png"]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    place, write = tmp_path / "a.png", write_png
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    write_picture(place, picture())
    assert read_picture(place).size == (9, 14)
    place.unlink()

    def slow(file: IO[bytes], samples: npt.NDArray[np.uint8], **facts: Any) -> None:
        write(file, samples, **facts)
        place.write_bytes(b"of another run")

    monkeypatch.setattr(encode, "write_png", slow)
    with pytest.raises(OutputError, match="exists already"):
        write_picture(place, picture())
    assert place.read_bytes() == b"of another run"
    assert names(tmp_path) == ["a.png"]


def _no_links(*args: object, **kwargs: object) -> None:
    raise PermissionError(1, "Operation not permitted")


DIE = (
    "import os, signal, sys; from pathlib import Path; from glstylenet.files import replacing\n"
    "with replacing(Path(sys.argv[1]), overwrite=True) as file:\n"
    "    file.write(b'half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)"
)


@pytest.mark.parametrize("name", ["a.png", "ß" * 125 + ".png"])  # 254 bytes of the 255 that a name may have
def test_after_a_kill_the_old_file_is_whole_and_the_next_write_cleans_up(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.write_bytes(b"precious")
    for _ in range(2):  # what killed writers leave does not pile up
        done = subprocess.run([sys.executable, "-c", DIE, str(place)], check=False, env=ENVIRONMENT)
        assert done.returncode == -signal.SIGKILL
        assert place.read_bytes() == b"precious"
        assert len(names(tmp_path)) == 2
    write_picture(place, picture(), overwrite=True)
    assert read_picture(place).size == (9, 14)
    assert names(tmp_path) == [name]


def test_a_link_in_the_way_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / ".a.png.glstylenet-part").symlink_to(victim)
    write_picture(tmp_path / "a.png", picture())
    assert victim.read_bytes() == b"precious"
    assert names(tmp_path) == ["a.png", "victim"]


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    place = tmp_path / "a.txt"
    with replacing(place, overwrite=True) as slow:
        slow.write(b"first ")
        write_text(place, "second")
        assert place.read_bytes() == b"second"
        slow.write(b"file")
    assert place.read_bytes() == b"first file"
    assert names(tmp_path) == ["a.txt"]
    with ThreadPoolExecutor(8) as pool:
        texts = [str(number) * 50_000 for number in range(10)]
        list(pool.map(lambda text: write_text(place, text, overwrite=True), texts * 10))
    assert place.read_text() in texts
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
def test_without_locks_the_quicker_of_two_writers_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_supported(*_arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", not_supported)
    place = tmp_path / "a.txt"

    def write_slowly() -> None:
        with replacing(place, overwrite=True) as slow:
            slow.write(b"first")
            write_text(place, "second")

    with pytest.raises(OutputError, match="writing failed .*nothing was changed"):
        write_slowly()
    assert place.read_bytes() == b"second"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_colours_under_full_transparency_are_kept(tmp_path: Path, suffix: str) -> None:
    write_picture(tmp_path / f"a{suffix}", torch.full((1, 3, 4, 4), 90.0), alpha=torch.zeros(1, 1, 4, 4))
    with Image.open(tmp_path / f"a{suffix}") as image:
        assert image.getpixel((2, 2)) == (90, 90, 90, 0)


def test_values_that_are_not_finite_are_never_written(tmp_path: Path) -> None:
    pixels = picture()
    pixels[0, 1, 2, 3] = float("nan")
    with pytest.raises(OutputError, match="not finite"):
        write_picture(tmp_path / "a.png", pixels)
    assert names(tmp_path) == []


def check(
    place: Path, size: tuple[int, int] = (9, 14), *inputs: Path, bits: int = 8, overwrite: bool = False
) -> None:
    check_output(place, size, bits=bits, overwrite=overwrite, inputs=FileSet(inputs))


def test_a_good_place_is_accepted_and_left_as_it_was(tmp_path: Path) -> None:
    source = tmp_path / "in.png"
    source.touch()
    for suffix in SUFFIXES:
        check(tmp_path / f"a{suffix}", (9, 14), source)
    check(tmp_path / "a.jpg", (65_500, 1))
    check(tmp_path / "a.webp", (1, 16_383))
    check(tmp_path / "a.png", (1, 70_000), bits=16)
    check(source, (9, 14), tmp_path / "other.png", overwrite=True)
    assert names(tmp_path) == ["in.png"]


@pytest.mark.parametrize(
    ("name", "size", "bits", "error", "found"),
    [
        ("a.gif", (9, 9), 8, SettingsError, r"'\.gif'.*\.png, \.jpg"),
        ("a", (9, 9), 8, SettingsError, "no suffix"),
        ("a.jpg", (9, 9), 16, SettingsError, "bits is 16.*JPEG.*PNG or TIFF"),
        ("a.webp", (9, 9), 16, SettingsError, "bits is 16.*WebP.*PNG or TIFF"),
        ("a.png", (9, 9), 12, SettingsError, "bits is 12.*8 or 16"),
        ("a.jpg", (9, 65_501), 8, OutputError, r"65501 x 9 pixels.*65500.*PNG or TIFF"),
        ("a.webp", (16_384, 9), 8, OutputError, r"9 x 16384 pixels.*16383.*PNG or TIFF"),
        ("none/a.png", (9, 9), 8, OutputError, "none does not exist"),
        ("file/a.png", (9, 9), 8, OutputError, "is a file, not a folder"),
        ("folder.png", (9, 9), 8, OutputError, r"is a folder.*result\.png"),
        ("old.png", (9, 9), 8, OutputError, "exists already.*--overwrite"),
        ("dangling.png", (9, 9), 8, OutputError, "exists already"),
    ],
)
def test_impossible_outputs_are_refused(
    tmp_path: Path, *, name: str, size: tuple[int, int], bits: int, error: type[Exception], found: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "old.png").touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(error, match=found):
        check(tmp_path / name, size, bits=bits)


@pytest.mark.parametrize("way", ["same", "symbolic", "hard", "dots"])
def test_an_input_is_never_the_output(tmp_path: Path, way: str) -> None:
    source, place = tmp_path / "in.png", tmp_path / "a.png"
    source.touch()
    if way == "same":
        place = source
    elif way == "symbolic":
        place.symlink_to(source)
    elif way == "hard":
        place.hardlink_to(source)
    else:
        (tmp_path / "b").mkdir()
        place = tmp_path / "b" / ".." / "in.png"
    with pytest.raises(OutputError, match=r"is the input .*in\.png itself"):
        check(place, (9, 9), tmp_path / "map.png", source, overwrite=True)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that even root cannot write to")
def test_an_unwritable_folder_is_refused_even_for_root() -> None:
    with pytest.raises(OutputError, match="cannot be written to"):
        check(Path("/proc/self/a.png"))
    with pytest.raises(OutputError, match=r"writing failed .*; nothing was changed"):
        write_picture(Path("/proc/self/a.png"), picture())


HOLD = (
    "import sys; from pathlib import Path; from glstylenet.files import claim_output\n"
    "with claim_output(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"
)


@pytest.mark.parametrize("end", ["kill", "normal"])
def test_two_processes_cannot_claim_one_output(tmp_path: Path, end: str) -> None:
    place = tmp_path / "a.png"
    command = [sys.executable, "-c", HOLD, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        start = time.monotonic()
        with pytest.raises(OutputError, match="another run is writing it"), claim_output(place):
            pass
        assert time.monotonic() - start < 1
        with claim_output(tmp_path / "b.png"):
            pass
        assert names(tmp_path) == [".a.png.glstylenet-lock"]
        if end == "kill":
            other.kill()
        else:
            other.stdin.close()
        other.wait()
    with claim_output(
        tmp_path / "b.png"
    ):  # of a dead run nothing is left, whatever the next one in the folder
        assert names(tmp_path) == [".b.png.glstylenet-lock"]
    with claim_output(place):
        pass
    assert names(tmp_path) == []


def test_a_claim_ends_with_its_block(tmp_path: Path) -> None:
    place = tmp_path / ("n" * 250 + ".png")  # nearly the longest name there can be
    with claim_output(place), pytest.raises(OutputError, match="another run"), claim_output(place):
        pass
    with pytest.raises(KeyboardInterrupt), claim_output(place):
        raise KeyboardInterrupt
    assert names(tmp_path) == []
    with claim_output(place):
        write_picture(place, picture())
    assert names(tmp_path) == [place.name]


def test_two_names_of_one_output_are_one_claim(tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    with (
        claim_output(tmp_path / "a.png"),
        pytest.raises(OutputError, match="another run"),
        claim_output(tmp_path / "link.png"),
    ):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
def test_without_locks_there_is_no_claim_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_supported(*_arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", not_supported)
    with claim_output(tmp_path / "a.png"), claim_output(tmp_path / "a.png"):
        write_picture(tmp_path / "a.png", picture())
    assert names(tmp_path) == ["a.png"]
