"""The package's public names, and that asking for the version stays light."""

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
    code = "import glstylenet.transfer, glstylenet.cli, glstylenet; assert callable(glstylenet.stylize)"
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
