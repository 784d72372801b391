"""The shape of the code:

packages import downwards and through each other's ``__init__``; ``__all__`` is true.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import glstylenet

ROOT = Path(glstylenet.__file__).parent

ORDER = (
    "errors",
    "numerics",
    "machine",
    "files",
    "settings",
    "pictures",
    "deep_zoom",
    "maps",
    "network",
    "proposals",
    "pyramid",
    "matching",
    "objective",
    "optim",
    "memory",
    "run",
    "giant",
    "events",
    "samples",
    "metrics",
    "explain",
    "bench",
    "report",
    "studio",
    "cli",
    "__main__",
)
"""Each may import only those before it, and of a package only what its ``__init__`` exports."""

FILES = sorted(ROOT.rglob("*.py"))
NAMES = [path.relative_to(ROOT).as_posix() for path in FILES]

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _package(path: Path) -> str:
    """Return the name directly under the root that ``path`` belongs to; "" for the root itself."""
    first = path.relative_to(ROOT).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


@cache
def _is_module(dotted: tuple[str, ...]) -> bool:
    place = ROOT.joinpath(*dotted)
    return place.is_dir() or place.with_suffix(".py").is_file()


@cache
def _imported_modules(path: Path) -> set[tuple[str, ...]]:
    """Return what ``path`` imports anywhere, inside functions too, as paths of names below the root."""
    found = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            assert node.module is not None
            module = tuple(node.module.split("."))
            for alias in node.names:
                within = (*module[1:], alias.name)
                # A function may have its module's name (`run.stylize`): a package then means the function.
                exported = module[1:] and alias.name in _exported_by(module[1:])
                found.add((module[0], *(module[1:] if exported or not _is_module(within) else within)))
        elif isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
    return {names[1:] for names in found if names[0] == "glstylenet" and len(names) > 1}


@cache
def _exported_by(package: tuple[str, ...]) -> list[str]:
    init = ROOT.joinpath(*package, "__init__.py")
    return _exported(_tree(init)) if init.is_file() else []


def test_every_package_has_its_place() -> None:
    assert {_package(path) for path in FILES} - {""} == set(ORDER)


def test_imports_point_down() -> None:
    forbidden = {}
    for name in NAMES:
        package = _package(ROOT / name)
        imported = {names[0] for names in _imported_modules(ROOT / name)}
        allowed = set(ORDER) if package == "" else {package, *ORDER[: ORDER.index(package)]}
        if imported - allowed:
            forbidden[name] = sorted(imported - allowed)
    assert not forbidden, "these files import what lies above them"


def test_packages_are_entered_through_their_init() -> None:
    inner = {}
    for name in NAMES:
        package = _package(ROOT / name)
        reached = [
            names for names in _imported_modules(ROOT / name) if len(names) > 1 and names[0] != package
        ]
        if package and reached:  # the root names where each public name is defined
            inner[name] = sorted(".".join(names) for names in reached)
    assert not inner, "these files import from modules, and may from packages only"


def test_imports_are_seen() -> None:
    """The checks look at something: imports that are known to be there, one inside a function."""
    assert ("errors",) in _imported_modules(ROOT / "matching" / "exact.py")
    assert ("network",) in _imported_modules(ROOT / "cli" / "weights.py")
    assert ("matching", "exact") in _imported_modules(ROOT / "matching" / "index.py")


@pytest.mark.parametrize("package", [name for name in ORDER if (ROOT / name).is_dir()])
def test_a_package_is_a_map_of_its_files(package: str) -> None:
    """Its docstring says in a sentence what each of its files holds."""
    words = ast.get_docstring(_tree(ROOT / package / "__init__.py")) or ""
    places = [path for path in (ROOT / package).iterdir() if not path.name.startswith(("_", "."))]
    files = {path.stem for path in places if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert set(re.findall(r"^- ``(\w+)``: [A-Za-z]", words, flags=re.MULTILINE)) == files


def _public_names(tree: ast.Module) -> set[str]:
    """Return the functions, classes and constants defined at the top level without a leading underscore."""
    names = set()
    for node in tree.body:
        if isinstance(node, Definition):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return {name for name in names if not name.startswith("_")} - {"TYPE_CHECKING"}


def _exported(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return [str(name) for name in ast.literal_eval(node.value)]
    return []


def _order(name: str) -> tuple[int, str]:
    """CONSTANTS, Classes, functions, each by the alphabet: the order that ruff keeps, too."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def test_all_lists_what_is_public() -> None:
    missing, extra = {}, {}
    for name in NAMES:
        tree = _tree(ROOT / name)
        exported, public = _exported(tree), _public_names(tree)
        assert exported == sorted(set(exported), key=_order), f"{name}: __all__ is not sorted"
        known = public
        if Path(name).name in ("__init__.py", "events.py"):
            # A package may also pass on names of its modules.
            known = (
                public
                | {"__version__"}
                | {
                    alias.asname or alias.name
                    for node in ast.walk(tree)  # also those under TYPE_CHECKING, fetched when first used
                    if isinstance(node, ast.ImportFrom)
                    for alias in node.names
                }
            )
        if public - set(exported):
            missing[name] = sorted(public - set(exported))
        if set(exported) - known:
            extra[name] = sorted(set(exported) - known)
    assert not missing, "public, yet not in __all__"
    assert not extra, "in __all__, yet not defined there"


def test_what_the_package_passes_on_is_there() -> None:
    assert all(hasattr(glstylenet, name) for name in glstylenet.__all__)
