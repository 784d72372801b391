"""Print how many lines of code each package has, and its longest files and functions. It fails nothing.

Blank lines, comments, docstrings, imports and ``__all__`` do not count. A long file is a place
to look for two nouns, not a fault.
"""

import ast
import io
import tokenize
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "src" / "glstylenet"
_LONGEST = 5
_LAYOUT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def code_lines(source: str) -> int:
    """Return the number of lines that hold code."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _LAYOUT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if _is_wiring(node):
            assert isinstance(node, ast.stmt)
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def _is_wiring(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    if isinstance(node, ast.Assign):
        return [ast.unparse(target) for target in node.targets] == ["__all__"]
    return isinstance(node, ast.Import | ast.ImportFrom)


def functions(source: str) -> dict[str, int]:
    """Return the length of each function, from its first line to its last."""
    return {
        node.name: (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def main() -> None:
    """Print the report."""
    packages: Counter[str] = Counter()
    files: Counter[str] = Counter()
    longest: Counter[str] = Counter()
    for path in sorted(ROOT.rglob("*.py")):
        name, source = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        files[name] = code_lines(source)
        packages[name.split("/")[0]] += files[name]
        longest.update({f"{name}: {function}": length for function, length in functions(source).items()})
    print(f"{sum(packages.values())} lines of code")
    print("  " + ", ".join(f"{name} {count}" for name, count in packages.most_common()))
    for title, counts in (("files", files), ("functions", longest)):
        print(f"longest {title}: " + ", ".join(f"{name} {n}" for name, n in counts.most_common(_LONGEST)))


if __name__ == "__main__":
    main()
