"""Claims: where the lock of an output lies, and what may lie there already."""

import os
import stat
import sys
from pathlib import Path

import pytest

from glstylenet.errors import OutputError
from glstylenet.files import claim_output, write_text
from glstylenet.pictures import check_output


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_that_takes_no_lock_is_no_failure_of_the_claim(tmp_path: Path) -> None:
    """The output cannot be written there either, and that is what the user is told."""
    with claim_output(tmp_path / "none" / "a.png"), claim_output(tmp_path / "none" / "a.png"):
        pass


def test_another_temporary_folder_does_not_void_the_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "one"))
    with claim_output(tmp_path / "a.png"):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "two"))
        with pytest.raises(OutputError, match="another run"), claim_output(tmp_path / "a.png"):
            pass
    assert names(tmp_path) == ["one", "two"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")
@pytest.mark.parametrize("planted", ["link", "dangling link", "pipe", "hard link"])
def test_what_was_planted_in_the_place_of_a_lock_is_not_touched(tmp_path: Path, planted: str) -> None:
    victim, lock = tmp_path / "victim", tmp_path / ".a.png.glstylenet-lock"
    victim.write_text("precious")
    victim.chmod(0o600)
    if planted == "pipe":
        os.mkfifo(lock)
    elif planted == "hard link":
        lock.hardlink_to(victim)
    else:
        lock.symlink_to(victim if planted == "link" else tmp_path / "made through the link")
    with (
        claim_output(tmp_path / "a.png"),
        pytest.raises(OutputError, match="another run"),
        claim_output(tmp_path / "a.png"),
    ):
        pass
    assert names(tmp_path) == ["victim"]
    assert victim.read_text() == "precious"
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["pipe", "device", "link to a device", "folder"])
def test_only_a_file_is_ever_replaced(tmp_path: Path, kind: str) -> None:
    """A program that root runs must not put a picture in the place of /dev/null."""
    place = tmp_path / "a.png"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        device = tmp_path / "device" if kind == "link to a device" else place
        try:
            os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")
        if device != place:
            place.symlink_to(device)
    before = {path.name: path.lstat().st_mode for path in tmp_path.iterdir()}
    with pytest.raises(OutputError, match="no file"):
        write_text(place, "text", overwrite=True)
    with pytest.raises(OutputError, match="is a (folder|pipe or a device)"):
        check_output(place, (9, 9), overwrite=True, inputs=())
    assert {path.name: path.lstat().st_mode for path in tmp_path.iterdir()} == before


def test_a_folder_made_for_a_claim_goes_if_the_run_fails_before_it_writes(tmp_path: Path) -> None:
    place = tmp_path / "state" / "a.png"
    with pytest.raises(KeyboardInterrupt), claim_output(place, make_folder=True):
        raise KeyboardInterrupt
    assert names(tmp_path) == []


def test_a_folder_made_for_a_claim_stays_if_something_was_written(tmp_path: Path) -> None:
    place = tmp_path / "state" / "a.png"

    def write_and_fail() -> None:
        with claim_output(place, make_folder=True):
            write_text(place, "half of the work")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_fail()
    assert names(place.parent) == ["a.png"]
