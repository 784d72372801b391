"""The package's public names, and that asking for the version stays light."""

import os
import subprocess
import sys

import pytest

import glstylenet


def test_every_public_name_is_there() -> None:
    for name in glstylenet.__all__:
        assert getattr(glstylenet, name) is not None
    assert set(glstylenet.__all__) <= set(dir(glstylenet))
    assert callable(glstylenet.stylize)
    assert sorted(glstylenet._HOMES) == sorted(set(glstylenet.__all__) - {"__version__"})


def test_the_entry_stays_a_function_whatever_was_imported_before() -> None:
    code = "import glstylenet.run.stylize, glstylenet.cli, glstylenet; assert callable(glstylenet.stylize)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'paint'"):
        _ = glstylenet.paint


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["stylize", "--help"]])
def test_help_does_not_load_torch(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom glstylenet.cli import main\nsys.argv[1:] = " + repr(arguments) + "\n"
        "try:\n    main()\nexcept SystemExit as leaving:\n    assert not leaving.code\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_the_command_keeps_threads_from_spinning_long(given: dict[str, str], expected: str | None) -> None:
    code = (
        "import os\nfrom glstylenet.cli import main\nmain(['--version'])\n"
        f"assert os.environ.get('GOMP_SPINCOUNT') == {expected!r}"
    )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("GOMP_", "OMP_WAIT"))
    }
    subprocess.run(
        [sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, env=environment | given
    )
