"""Killed writers: after SIGKILL at any step the old content is whole, and the next writer cleans up."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from glstylenet.errors import OutputError
from glstylenet.files import claim_output, remove_strays, replacing_folder, temporary_file, write_text
from glstylenet.files.temporary import hidden_path, temporary_folder
from glstylenet.network.weights import load_weights

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither SIGKILL nor flock")

KILL_AT_EVERY_STEP = '''
import itertools, json, os, signal, sys
from pathlib import Path
from glstylenet.files import claim_output, replacing, replacing_folder

CALLS = ("chmod", "close", "fsync", "link", "lstat", "mkdir", "open", "rename", "replace", "rmdir", "unlink")


def write_file(place, overwrite):
    with claim_output(place), replacing(place, overwrite=overwrite) as file:
        file.write(b"new")


def write_folder(place, overwrite):
    with claim_output(place), replacing_folder(place, overwrite=overwrite) as folder:
        (folder / "a").write_text("new")
        (folder / "b").write_text("new")


def content(place):
    if place.is_dir():
        return {path.name: path.read_text() for path in place.iterdir()}
    return place.read_text() if place.exists() else None


def kill_before(step):
    """Make the process end itself just before its call number ``step`` of the system."""
    count = itertools.count()

    def watched(call):
        def watch(*arguments, **options):
            if next(count) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)
        return watch

    for name in CALLS:
        setattr(os, name, watched(getattr(os, name)))


def try_step(write, overwrite, place, step):
    """Return the content after a kill before ``step``, then what the next writer finds and leaves."""
    if overwrite:
        place.parent.mkdir()
        write(place, False)
        for path in place.iterdir() if place.is_dir() else [place]:
            path.write_text("old")
    else:
        place.parent.mkdir()
    child = os.fork()
    if child == 0:
        kill_before(step)
        write(place, overwrite)
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    between = content(place)
    write_file(place.with_name("other"), False)
    return killed, between, content(place), sorted(os.listdir(place.parent))


found = []
for write in (write_file, write_folder):
    for overwrite in (False, True):
        for step in itertools.count():
            place = Path(sys.argv[1], f"{write.__name__}-{overwrite}-{step}", "place")
            killed, *facts = try_step(write, overwrite, place, step)
            found.append((write.__name__, overwrite, killed, *facts))
            if not killed:
                break
print(json.dumps(found))
'''


def test_a_kill_at_any_step_leaves_the_old_or_the_new_and_no_strays(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILL_AT_EVERY_STEP, str(tmp_path)],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    steps = json.loads(done.stdout)
    assert len(steps) > 60
    for kind, overwrite, killed, between, afterwards, names in steps:
        new, old = (
            ("new", "old")
            if kind == "write_file"
            else (dict.fromkeys("ab", "new"), dict.fromkeys("ab", "old"))
        )
        # Only a folder that is being replaced is without its name for a moment; the next writer puts it back.
        assert between in (old if overwrite else None, new, None if kind == "write_folder" else new)
        assert afterwards == new if not killed else afterwards in (old if overwrite else None, new)
        assert names == (["other"] if afterwards is None else ["other", "place"])


def test_what_a_living_writer_holds_stays(tmp_path: Path) -> None:
    with (
        claim_output(tmp_path / "a"),
        temporary_file(tmp_path / "a") as file,
        temporary_folder(tmp_path / "b") as folder,
    ):
        before = sorted(path.name for path in tmp_path.iterdir())
        assert len(before) == 3
        remove_strays(tmp_path)
        write_text(tmp_path / "c", "of another writer")
        assert sorted(path.name for path in tmp_path.iterdir()) == [*before, "c"]
        assert Path(file.name).exists()
        assert folder.is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_two_writers_of_one_folder_do_not_disturb_each_other(tmp_path: Path) -> None:
    place = tmp_path / "page"
    with replacing_folder(place, overwrite=True) as slow:
        with replacing_folder(place, overwrite=True) as quick:
            (quick / "a").write_text("second")
        assert (place / "a").read_text() == "second"
        (slow / "a").write_text("first")
    assert (place / "a").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


@pytest.mark.long
def test_many_runs_in_one_folder_do_not_take_each_others_locks_for_strays(tmp_path: Path) -> None:
    def write_often(number: int) -> None:
        for _ in range(40):
            with claim_output(tmp_path / f"{number}"):
                write_text(tmp_path / f"{number}", "done", overwrite=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write_often, range(8)))
    assert sorted(path.name for path in tmp_path.iterdir()) == [str(number) for number in range(8)]


def test_an_existing_folder_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    place = tmp_path / "page"
    place.mkdir()
    with pytest.raises(OutputError, match="exists already"), replacing_folder(place, overwrite=False):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["page"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("place", ["none/a", "file/a", "n" * 300, "loop"])
def test_an_impossible_place_is_an_output_error_and_no_endless_search(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OutputError, match="writing failed"):
        write_text(tmp_path / place, "text", overwrite=True)
    with (
        pytest.raises(OutputError, match="writing failed"),
        replacing_folder(tmp_path / place, overwrite=True),
    ):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]


def test_a_long_name_is_put_back_by_its_own_writer(tmp_path: Path) -> None:
    place = tmp_path / ("ß" * 120)
    old = hidden_path(place, "old")
    old.mkdir()
    remove_strays(tmp_path)
    assert old.is_dir()  # its hidden name does not tell whose it is
    with pytest.raises(OutputError, match="exists already"), replacing_folder(place, overwrite=False):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [place.name]


def test_the_cache_of_weights_is_cleaned_when_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLSTYLENET_CACHE_DIR", str(tmp_path))
    for name in ("vgg19-full", "vgg19-embedded"):  # a download and a conversion that were killed
        hidden_path(tmp_path / f"{name}.safetensors", "part").write_bytes(b"half")
    load_weights()
    assert [path.name for path in tmp_path.iterdir()] == ["vgg19-embedded.safetensors"]
