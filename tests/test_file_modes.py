"""Permission bits: those of a replaced file stay, and a private file is private while it is written."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from glstylenet.files import replacing, replacing_folder


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_a_replaced_file_keeps_its_mode_and_is_private_on_the_way(
    tmp_path: Path, umask: int, mode: int
) -> None:
    place = tmp_path / "a.png"
    with replacing(place, overwrite=True):
        pass
    assert mode_of(place) == 0o666 & ~umask
    place.chmod(mode)
    with replacing(place, overwrite=True) as file:
        assert mode_of(Path(file.name)) & 0o077 == 0
    assert mode_of(place) == mode


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_replaced_folder_keeps_its_modes_and_is_private_on_the_way(
    tmp_path: Path, umask: int, mode: int
) -> None:
    place = tmp_path / "page"
    with replacing_folder(place, overwrite=True) as new:
        (new / "a.txt").touch()
    assert mode_of(place) == 0o777 & ~umask
    assert mode_of(place / "a.txt") == 0o666 & ~umask
    place.chmod(mode | 0o100)
    (place / "a.txt").chmod(mode)
    with replacing_folder(place, overwrite=True) as new:
        assert mode_of(new) & 0o077 == 0
        for name in ("a.txt", "b.txt"):
            (new / name).touch()
    assert mode_of(place) == mode | 0o100
    assert mode_of(place / "a.txt") == mode
    assert mode_of(place / "b.txt") == 0o666 & ~umask
