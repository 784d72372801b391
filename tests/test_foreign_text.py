"""Text from elsewhere: config files, results of a sweep and records of the studio hold what they like.

Whatever is wrong with them is told in a line, by the exception of their kind.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from glstylenet.cli import main
from glstylenet.errors import OutputError, SettingsError
from glstylenet.report.experiment import Table
from glstylenet.report.results_file import Record, ResultsFile
from glstylenet.settings import Settings, preset_settings, read_config

DIGITS = "9" * 5000
FEWER = "9" * 4000

# Config files

NO_TOML: dict[str, str | bytes] = {
    "digits": f"seed = {DIGITS}",
    "digits in an unknown setting": f"a = {DIGITS}",
    "lists": "a = " + "[" * 50_000,
    "closed lists": "a = " + "[" * 2000 + "]" * 2000,
    "tables": "a = " + "{b = " * 2000 + "1" + "}" * 2000,
    "dotted": "a" + ".a" * 3000 + " = 1",
    "NUL": b"seed = 1\0",
    "no UTF-8": b"seed = '\xff'",
    "half surrogate": 'init = "\\ud800"',
    "long name": "x" * 10**6 + " = 1",
    "a date that is none": "seed = 2026-13-45",
}


@pytest.mark.parametrize("kind", NO_TOML)
def test_a_config_file_without_measure(tmp_path: Path, kind: str) -> None:
    content = NO_TOML[kind]
    path = tmp_path / "config.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError) as caught:
        read_config(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "value",
    [
        FEWER,
        f"-{FEWER}",
        "inf",
        "nan",
        "1e400",
        "[]",
        "{}",
        "2026-01-01",
        '"' + "x" * 10**5 + '"',
        "0x" + "f" * 2000,
    ],
    ids=lambda text: text[:8],
)
def test_a_value_without_measure(tmp_path: Path, value: str) -> None:
    """It is refused in few words by every setting, or is a name that any text can be."""
    path = tmp_path / "config.toml"
    for name in Settings.model_fields:
        path.write_text(f"{name} = {value}")
        message = ""
        try:
            settings = Settings(**read_config(path))
        except SettingsError as error:
            message = str(error)
        if message:
            assert name in message
            assert len(message) < 500
        else:  # a small enough number, after all, or any text
            assert name in ("init", "weights") or abs(float(getattr(settings, name))) < 1e300, name


def test_a_preset_without_measure() -> None:
    with pytest.raises(SettingsError, match="there is no preset 'xxxx.*xxx'") as caught:
        preset_settings("x" * 10**6)
    assert len(str(caught.value)) < 500


def test_a_number_that_python_cannot_write() -> None:
    with pytest.raises(SettingsError, match="seed is a number of more than 1,000 digits"):
        Settings(seed=10**5000)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.timeout(60)  # a pipe would be waited for
@pytest.mark.parametrize(
    "make",
    [
        lambda folder: os.mkfifo(folder / "c.toml"),
        lambda folder: (folder / "c.toml").symlink_to("/dev/zero"),
        lambda folder: (folder / "c.toml").mkdir(),
    ],
    ids=["pipe", "device", "folder"],
)
def test_a_config_file_that_is_no_file(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path)
    with pytest.raises(SettingsError, match="cannot be used: .* expected an ordinary file"):
        read_config(tmp_path / "c.toml")


@pytest.mark.parametrize("name", ["a\0b.toml", "a\ud800b.toml", "x" * 300])
def test_a_config_file_that_no_name_can_have(name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be used"):
        read_config(name)


@pytest.mark.parametrize(("name", "code"), [("a\0b.png", 2), ("/dev/zero", 3), ("x" * 300, 3)])
def test_a_start_in_a_config_file_that_no_picture_can_be(
    tmp_path: Path, name: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.toml").write_text(f"init = {json.dumps(name)}")
    content = tmp_path / "a.png"
    _picture(content)
    words = ["stylize", str(content), str(content), "-o", str(tmp_path / "out.png"), "--config"]
    assert main([*words, str(tmp_path / "c.toml"), "--iterations", "1"]) == code
    assert "internal error" not in capsys.readouterr().err


def _picture(path: Path) -> None:
    from PIL import Image  # noqa: PLC0415 - for one test

    Image.new("RGB", (40, 36), (10, 100, 50)).save(path)


# The results of a sweep


RECORD = asdict(
    Record("a", "key", "a.png", "0" * 64, (4, 3), 1.0, 2, {"total": 1.0}, {"seed": 0}, "glstylenet stylize")
)


def _results(folder: Path, text: str | bytes) -> None:
    (folder / "results.json").write_bytes(text if isinstance(text, bytes) else text.encode())


def _table(**changes: Any) -> str:
    return json.dumps({"format": 1, "version": "0.1.0", "results": [{**RECORD, **changes}]})


def test_a_results_file_of_ours_is_read(tmp_path: Path) -> None:
    """Else the tests below would pass for any file."""
    _results(tmp_path, _table())
    [record] = ResultsFile.read(tmp_path, overwrite=False).records.values()
    assert (record.size, record.losses, record.is_done) == ((4, 3), {"total": 1.0}, True)
    _results(tmp_path, _table(name="caf\udce9"))  # from a file whose name is no UTF-8
    assert set(ResultsFile.read(tmp_path, overwrite=False).records) == {"caf\udce9"}


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 900 + "1" + "}" * 900,
        f'{{"format": {DIGITS}}}',
        f'{{"format": 1, "version": "1", "results": [], "inputs": {DIGITS}}}',
        b"\xff\xfe\x00",
        "null",
        '{"format": 1, "version": "1", "results": {}}',
        _table(size=[4]),
        _table(size="44"),
        _table(size=[4, float("nan")]),
        _table(seconds="long"),
        _table(seconds=None),
        _table(evaluations=float("inf")),
        _table(losses=[1]),
        _table(losses=None),
        _table(losses={"total": "low"}),
        _table(metrics={"ssim": "good"}),
        _table(file=3),
        _table(file="/etc/passwd"),
        _table(file="a/../../b"),
        _table(name=None),
        _table(settings=[]),
        _table(command=1),
        _table(error=3),
    ],
    ids=lambda text: str(text)[:30].replace(" ", ""),
)
def test_a_results_file_without_measure(tmp_path: Path, text: str | bytes) -> None:
    _results(tmp_path, text)
    with pytest.raises(OutputError, match="cannot be read as the results") as caught:
        ResultsFile.read(tmp_path, overwrite=False)
    assert len(str(caught.value)) < 600
    assert ResultsFile.read(tmp_path, overwrite=True).records == {}


@pytest.mark.parametrize("kept", [{}, [], 3, {"heads": 1, "rows": 2, "findings": 3, "seconds": "x"}, None])
def test_a_table_in_a_results_file_without_measure(tmp_path: Path, kept: object) -> None:
    _results(tmp_path, json.dumps({"format": 1, "version": "1", "results": [], "fig11": kept}))
    results = ResultsFile.read(tmp_path, overwrite=False)
    with pytest.raises(OutputError, match=r"fig11[:.]"):
        results.fact("fig11", TypeAdapter(Table))
    assert results.fact("fig12", TypeAdapter(Table)) is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.timeout(60)
def test_a_results_file_that_is_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "results.json")
    with pytest.raises(OutputError, match="an ordinary file"):
        ResultsFile.read(tmp_path, overwrite=False)
