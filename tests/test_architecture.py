import ast
from pathlib import Path

import pytest

CORE = Path(__file__).parents[1] / "distill_core"
FILES = sorted(CORE.rglob("*.py"))


def imported(path):
    """Return the full names of all modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def module_name(path):
    parts = path.relative_to(CORE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def rooms(path):
    """Return the rooms of the core that a file imports, by their first name."""
    names = {name.split(".")[1] for name in imported(path) if name.startswith("distill_core.")}
    return {name for name in names if (CORE / name).is_dir() or (CORE / f"{name}.py").is_file()}


def test_core_imports_no_streamlit(python):
    code = """
import importlib, sys

class NoScreen:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "streamlit":
            raise AssertionError("the core imports " + name)

sys.meta_path.insert(0, NoScreen())
for name in sys.argv[1:]:
    importlib.import_module(name)
    print(name)
assert not [name for name in sys.modules if name.partition(".")[0] == "streamlit"]
"""
    names = [module_name(path) for path in FILES]
    assert "distill_core.learning.training" in names
    assert python(code, *names).split() == names


def test_figures_import_no_torch(python):
    code = "import sys, distill_core.figures; print('torch' in sys.modules)"
    assert python(code) == "False"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_no_file_of_the_core_is_written_or_read_by_pickle(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    # The engine's processes hand their calls to each other that way, as all Python's do.
    if "engine" not in path.relative_to(CORE).parts:
        assert not imported(path) & {"pickle", "cloudpickle", "dill", "joblib", "shelve"}
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not called & {"torch.load", "torch.save", "np.load", "np.save", "eval", "exec"}


# Whom each room may know; arrows run one way, down this list.
KNOWN = {
    "specs": set(),
    "measures": set(),
    "store": {"specs"},
    "data": {"specs"},
    "geometry": {"specs", "data"},
    "learning": {"specs", "geometry"},
    "boundaries": {"specs", "data", "geometry", "learning", "store"},
}


@pytest.mark.parametrize("room", KNOWN)
def test_rooms_know_only_the_rooms_before_them(room):
    files = [path for path in FILES if module_name(path).split(".")[1:2] == [room]]
    assert files
    for path in files:
        assert rooms(path) - {room} <= KNOWN[room]


def test_no_two_rooms_know_each_other():
    known = {}
    for path in FILES:
        room = module_name(path).split(".")[1:2] or [""]
        known.setdefault(room[0], set()).update(rooms(path) - set(room))

    def reached(room, seen=()):
        assert room not in seen, f"a circle of imports: {' -> '.join((*seen, room))}"
        for other in known.get(room, ()):
            reached(other, (*seen, room))

    for room in known:
        reached(room)
