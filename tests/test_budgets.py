"""The shape of the code: small modules, small functions, a docstring for everything public."""

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("chalicelib", "etlplus", "functions", "infra", "localcloud", "cli")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef


def length(node: Function) -> int:
    """Lines of a function without its docstring."""
    docstring = ast.get_docstring(node, clean=False)
    return (node.end_lineno or 0) - node.lineno + 1 - (len(docstring.splitlines()) if docstring else 0)


def functions(path: Path) -> list[Function]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_stays_within_its_budget(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    too_long = [f"{node.name}: {length(node)}" for node in functions(path) if length(node) > 40]
    assert too_long == []


def test_nine_functions_of_ten_have_at_most_20_lines():
    lengths = [length(node) for path in MODULES for node in functions(path)]
    assert statistics.quantiles(lengths, n=10)[-1] <= 20


@pytest.mark.parametrize("package", PACKAGES)
def test_nearly_everything_public_has_a_docstring(package):
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / package).rglob("*.py")]
    named = [node for tree in trees for node in ast.walk(tree) if isinstance(node, Function | ast.ClassDef)]
    inner = {each for node in named if isinstance(node, Function) for each in ast.walk(node) if each is not node}
    public = [node for node in named if not node.name.startswith("_") and node not in inner]
    assert all(ast.get_docstring(tree) for tree in trees)
    without = [node.name for node in public if ast.get_docstring(node) is None]
    assert len(without) <= 0.05 * len(public), without
