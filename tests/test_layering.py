"""The shape of the code: imports point down, ``__all__`` tells the truth, nothing grows too long."""

import ast
from pathlib import Path

import pytest

import glstylenet

ROOT = Path(glstylenet.__file__).parent

# Each may import only those before it. A package such as `cli` counts as one.
LAYERS = (
    "errors",
    "allocator",
    "window",
    "resampling",
    "fusion",
    "products",
    "patches",
    "screening",
    "guidance",
    "neighbours",
    "settings",
    "formats",
    "profiles",
    "images",
    "colours",
    "replacement",
    "invocation",
    "outputs",
    "semantics",
    "winograd",
    "taps",
    "convolution",
    "signs",
    "block",
    "vgg",
    "weights",
    "losses",
    "tiling",
    "stopwatch",
    "targets",
    "terms",
    "sight",
    "device",
    "replay",
    "objective",
    "chunks",
    "history",
    "demand",
    "memory",
    "optimize",
    "curvature",
    "preconditioner",
    "descent",
    "schedule",
    "events",
    "finish",
    "inputs",
    "checkpoint",
    "stages",
    "measurement",
    "transfer",
    "forecast",
    "recipe",
    "samples",
    "explain",
    "metrics",
    "bench",
    "report",
    "studio",
    "cli",
    "__main__",
)
LONGEST_FILE = 400
LONGEST_FUNCTION = 60

FILES = sorted(ROOT.rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in FILES]

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _layer(path: Path) -> str:
    """The module or package directly under the root that ``path`` belongs to; "" for the root itself."""
    first = path.relative_to(ROOT).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def _imported_layers(path: Path) -> set[str]:
    """Layers that ``path`` imports anywhere, inside functions too; the root itself is none."""
    found = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        parts = [name.split(".") for name in names]
        found |= {part[1] for part in parts if part[0] == "glstylenet" and len(part) > 1}
    return {name for name in found if (ROOT / name).is_dir() or (ROOT / f"{name}.py").is_file()}


def test_every_module_has_its_layer() -> None:
    assert {_layer(path) for path in FILES} - {""} == set(LAYERS)


@pytest.mark.parametrize("name", NAMES)
def test_imports_point_down(name: str) -> None:
    layer = _layer(ROOT / name)
    imported = _imported_layers(ROOT / name)
    allowed = set(LAYERS) if layer == "" else {layer, *LAYERS[: LAYERS.index(layer)]}
    assert imported <= allowed, f"{name} may not import {sorted(imported - allowed)}"


def test_imports_are_seen() -> None:
    """The check looks at something: two imports that are known to be there, one inside a function."""
    assert "errors" in _imported_layers(ROOT / "patches.py")
    assert "weights" in _imported_layers(ROOT / "cli" / "weights.py")


def _public_names(tree: ast.Module) -> set[str]:
    """Functions, classes and constants defined at the top level whose name has no underscore in front."""
    names = set()
    for node in tree.body:
        if isinstance(node, Definition):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return {name for name in names if not name.startswith("_")}


def _exported(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return [str(name) for name in ast.literal_eval(node.value)]
    return []


def _order(name: str) -> tuple[int, str]:
    """CONSTANTS, Classes, functions, each by the alphabet: the order that ruff keeps, too."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


@pytest.mark.parametrize("name", NAMES)
def test_all_lists_what_is_public(name: str) -> None:
    tree = _tree(ROOT / name)
    exported, public = _exported(tree), _public_names(tree)
    assert exported == sorted(set(exported), key=_order), f"{name}: __all__ is not sorted"
    if Path(name).name == "__init__.py":
        # A package may also pass on names of its modules.
        passed_on = {
            alias.asname or alias.name
            for node in ast.walk(tree)  # also those under TYPE_CHECKING, fetched when first used
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert public <= set(exported) <= public | passed_on | {"__version__"}
    else:
        missing, extra = sorted(public - set(exported)), sorted(set(exported) - public)
        assert not missing, f"{name}: public, yet not in __all__: {missing}"
        assert not extra, f"{name}: in __all__, yet not defined here: {extra}"


def test_what_the_package_passes_on_is_there() -> None:
    assert all(hasattr(glstylenet, name) for name in glstylenet.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_no_file_is_too_long(name: str) -> None:
    lines = len((ROOT / name).read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{name} has {lines} lines, more than {LONGEST_FILE}"


@pytest.mark.parametrize("name", NAMES)
def test_no_function_is_too_long(name: str) -> None:
    long = []
    for node in ast.walk(_tree(ROOT / name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            if length > LONGEST_FUNCTION:
                long.append(f"{node.name} ({length} lines)")
    assert not long, f"{name}: longer than {LONGEST_FUNCTION} lines: {', '.join(long)}"
