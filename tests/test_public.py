"""The package's public names, and that asking for the version stays light."""

import json
import os
import subprocess
import sys

import pytest

import glstylenet
from tests.long_cases import rest_is_long


def test_every_public_name_is_there() -> None:
    for name in glstylenet.__all__:
        assert getattr(glstylenet, name) is not None
    assert set(glstylenet.__all__) <= set(dir(glstylenet))
    assert callable(glstylenet.stylize)
    assert sorted(glstylenet._HOMES) == sorted(set(glstylenet.__all__) - {"__version__"})


@pytest.mark.long
def test_the_entry_stays_a_function_whatever_was_imported_before() -> None:
    code = "import glstylenet.run.stylize, glstylenet.cli, glstylenet; assert callable(glstylenet.stylize)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'paint'"):
        _ = glstylenet.paint


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--version"], glstylenet.__version__),
        (["stylize", "--help"], "--content-weight"),
        pytest.param(["--help"], "stylize", marks=pytest.mark.long),
    ],
)
def test_help_does_not_load_torch(arguments: list[str], told: str) -> None:
    code = (
        "import sys\nfrom glstylenet.cli import main\nsys.argv[1:] = " + repr(arguments) + "\n"
        "try:\n    main()\nexcept SystemExit as leaving:\n    assert not leaving.code\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True)
    assert told in done.stdout


_WAIT_VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")


def wait_variables_after(code: str, given: dict[str, str]) -> dict[str, str]:
    """Run ``code`` in a process whose user has set ``given``; return what it leaves in the environment."""
    environment = {name: value for name, value in os.environ.items() if name not in _WAIT_VARIABLES}
    told = (
        f"\nimport json, os\nprint(json.dumps({{name: os.environ.get(name) for name in {_WAIT_VARIABLES}}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code + told],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment | given,
    )
    left: dict[str, str | None] = json.loads(done.stdout.splitlines()[-1])
    return {name: value for name, value in left.items() if value is not None}


@pytest.mark.parametrize("given", rest_is_long([{}, *({name: "7"} for name in _WAIT_VARIABLES)], short=2))
def test_the_command_lets_threads_sleep_unless_the_user_decides(given: dict[str, str]) -> None:
    code = (
        "import sys\nfrom glstylenet.cli import main\nmain(['--version'])\nassert 'torch' not in sys.modules"
    )
    expected = given or {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "300"}
    assert wait_variables_after(code, given) == expected


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="libgomp is PyTorch's OpenMP on Linux only")
def test_openmp_reads_the_wait_policy_of_the_command() -> None:
    code = "from glstylenet.cli import main\nmain(['--version'])\nimport torch"
    environment = {name: value for name, value in os.environ.items() if name not in _WAIT_VARIABLES}
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=environment | {"OMP_DISPLAY_ENV": "VERBOSE"},
    )
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in done.stderr
    assert "GOMP_SPINCOUNT = '300'" in done.stderr


@pytest.mark.long
def test_a_library_leaves_the_wait_policy_to_its_host() -> None:
    assert wait_variables_after("import glstylenet; glstylenet.stylize", {}) == {}
