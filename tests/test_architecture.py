import ast
import re
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

import pytest

from pages.frame.browser.assets import PLOTLY
from tests.conftest import PROJECT

CORE = PROJECT / "distill_core"
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


def module_name(path, root=PROJECT):
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


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


UNSAFE = re.compile(
    r"unsafe_allow_html|unsafe_allow_javascript|st\.html\(|components\.v1|\.innerHTML"
)
# Files of our own that are put into a page as they are.
ALLOWED = {
    "pages/frame/router.py": ['st.html(_FOLDER / "frame.css")'],
    # A style sheet of our own.
    "pages/frame/controls/present.py": ["st.html(_STYLE)"],
    # A picture that the server draws from numbers alone.
    "pages/frame/browser/sketch.js": ["this.root.innerHTML = picture;"],
    "pages/frame/room/learner.js": ['part("picture").innerHTML = question.picture;'],
}


def test_nothing_of_a_visitor_is_put_into_a_page_as_markup():
    """Whoever adds such a place has to say here what stands in it; Plotly is a library."""
    found = {}
    own = {*PROJECT.glob("pages/**/*.py"), *PROJECT.glob("pages/**/*.js")} - {PLOTLY}
    for path in sorted(own):
        lines = [
            line.strip() for line in path.read_text("utf-8").splitlines() if UNSAFE.search(line)
        ]
        if lines:
            found[path.relative_to(PROJECT).as_posix()] = lines
    assert found == ALLOWED


def test_pages_neither_pickle_nor_evaluate():
    for path in sorted(PROJECT.glob("pages/**/*.py")):
        assert not imported(path) & {"pickle", "cloudpickle", "dill", "joblib", "shelve"}, path
        calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
        called = {ast.unparse(node.func) for node in calls}
        assert not called & {"eval", "exec", "compile", "os.system", "__import__"}, path
        assert not any("subprocess" in name for name in called), path


# Whom each room may know; arrows run one way, down this list.
KNOWN = {
    "specs": "",
    "measures": "",
    "store": "specs",
    "cached_store": "store",
    "eviction": "store",
    "data": "specs",
    "geometry": "specs data",
    "learning": "specs",
    "boundaries": "specs store data geometry learning",
    "engine": "specs store",
    "uploads": "specs store data",
    "jobs": "specs store data geometry learning boundaries measures engine uploads",
    "studies": "specs store data geometry learning boundaries measures engine uploads jobs",
    "lessons": "specs store measures engine jobs studies",
    # Of the first two types alone: figures import nothing of them when they run.
    "figures": "geometry boundaries measures",
    "exports": "specs store data geometry learning boundaries measures uploads jobs studies "
    "figures",
    "__main__": "specs store measures engine jobs studies exports lessons",
    "frame/server": "specs store cached_store eviction geometry engine uploads jobs lessons",
    "frame/controls": "specs store data geometry engine uploads jobs studies frame/server",
    "frame/browser": "specs store measures engine jobs figures frame/server frame/controls",
    "frame/takeaway": "specs engine studies exports frame/server frame/controls",
    "frame/studies": "specs data geometry measures engine jobs studies figures exports "
    "frame/server frame/controls frame/browser frame/takeaway",
    "frame/playground": "specs store data geometry boundaries measures engine jobs studies figures "
    "frame/server frame/controls frame/browser frame/studies",
    "frame/slices": "specs store data geometry boundaries measures jobs studies figures "
    "frame/server frame/controls frame/browser frame/studies",
    "frame/room": "lessons frame/browser",
    "frame/lesson": "specs data geometry boundaries engine jobs lessons figures frame/server "
    "frame/controls frame/browser frame/playground frame/room",
    "frame/menu": "",
    "frame/router": "frame/menu frame/controls frame/server",
    "pages": "specs data jobs studies figures frame/server frame/controls frame/browser "
    "frame/takeaway frame/studies frame/playground frame/slices frame/lesson",
    # What it names as strings is loaded before the first visitor comes.
    "app": "data jobs frame/server frame/browser frame/router frame/takeaway frame/studies "
    "frame/controls frame/playground frame/slices frame/room frame/lesson",
}


def test_every_room_knows_only_the_rooms_before_it():
    assert find_back_arrows(PROJECT) == []


def test_every_room_stands_in_the_table():
    assert {room_of(name) for name in read_imports(PROJECT)} - {"", "frame"} == set(KNOWN)


def test_no_files_import_each_other_in_a_circle():
    assert find_circle(PROJECT) is None


def test_only_the_app_names_modules_as_strings_to_be_loaded():
    named = {name for name, known in read_imports(PROJECT).items() if known.strings}
    # The command line starts workers before it loads the jobs itself.
    assert named == {"app", "distill_core.jobs", "distill_core.__main__"}


@pytest.fixture
def planted(tmp_path):
    """Return a function that writes files of a small project, and where it is."""

    def plant(**files):
        for name, text in files.items():
            path = tmp_path / "distill_core" / f"{name.replace('_', '/', 1)}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return plant


def test_a_planted_back_arrow_is_found(planted):
    root = planted(specs_data="from distill_core.data import tables", data_tables="")
    assert find_back_arrows(root) == ["distill_core.specs.data knows data"]


def test_a_planted_back_arrow_inside_a_function_or_a_string_is_found(planted):
    text = "def f():\n    import distill_core.jobs.sweep"
    root = planted(
        engine_worker=text, jobs_sweep="", engine_preload='X = "distill_core.jobs.sweep"'
    )
    assert find_back_arrows(root) == [
        "distill_core.engine.preload knows jobs",
        "distill_core.engine.worker knows jobs",
    ]


def test_a_planted_circle_between_two_files_is_found(planted):
    root = planted(
        data_tables="from distill_core.data import datasets",
        data_datasets="import distill_core.data.tables",
    )
    circle = find_circle(root)
    assert (
        circle
        == "distill_core.data.datasets -> distill_core.data.tables -> distill_core.data.datasets"
    )


def test_a_planted_circle_by_a_string_is_found(planted):
    root = planted(
        jobs_preload="from distill_core.engine.worker import run",
        engine_worker='import importlib\nimportlib.import_module("distill_core.jobs.preload")',
    )
    assert find_circle(root) == (
        "distill_core.engine.worker -> distill_core.jobs.preload -> distill_core.engine.worker"
    )


@dataclass
class Imports:
    """Modules of the project that a file imports, and those that it names in strings."""

    imported: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)


def read_imports(root):
    """Return for every module below a folder what it imports of the others, wherever in it."""
    paths = [*root.glob("distill_core/**/*.py"), *root.glob("pages/**/*.py"), *root.glob("app.py")]
    modules = {module_name(path, root): path for path in sorted(paths)}
    found = {}
    for name, path in modules.items():
        known = found[name] = Imports()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                known.imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                # A name of a package may be a module of its own, or stand in its __init__.
                below = {f"{node.module}.{alias.name}" for alias in node.names}
                known.imported |= below if below <= set(modules) else below | {node.module}
            elif isinstance(node, ast.Constant) and node.value in modules and "." in node.value:
                known.strings.add(node.value)
        known.imported &= set(modules)
    return found


def room_of(name):
    """Return the room in which a module stands: a folder, or a file that stands alone."""
    parts = name.split(".")
    if parts[:2] == ["pages", "frame"]:
        return "/".join(parts[1:3])
    if parts[0] == "distill_core":
        return "".join(parts[1:2])
    return parts[0]


def find_back_arrows(root):
    """Return a sentence for every module that knows a room which the table does not allow."""
    wrong = []
    for name, known in read_imports(root).items():
        room = room_of(name)
        others = {room_of(other) for other in known.imported | known.strings} - {room, ""}
        wrong += [f"{name} knows {o}" for o in sorted(others - set(KNOWN.get(room, "").split()))]
    return wrong


def find_circle(root):
    """Return a circle of imports between files, or None."""
    graph = {name: known.imported | known.strings for name, known in read_imports(root).items()}
    try:
        TopologicalSorter({name: known - {name} for name, known in graph.items()}).prepare()
    except CycleError as error:
        circle = error.args[1][:-1]
        first = circle.index(min(circle))
        # Sorted: who is imported comes first.
        ordered = circle[first::-1] + circle[:first:-1]
        return " -> ".join([*ordered, ordered[0]])
    return None
