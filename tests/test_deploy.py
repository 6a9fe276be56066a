"""The table of settings has every environment variable that the code reads, and the files agree."""

import re

from tests.conftest import PROJECT

DEPLOY = (PROJECT / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_every_setting_of_the_environment_stands_in_the_table():
    sources = [PROJECT / "app.py", *PROJECT.glob("distill_core/**/*.py")]
    sources += PROJECT.glob("pages/**/*.py")
    read = {
        name
        for path in sources
        for name in re.findall(r'"(DISTILL_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    rows = "\n".join(line for line in DEPLOY.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"DISTILL_[A-Z_]+", rows)) == read


def test_the_image_runs_as_no_root_and_copies_what_is_there():
    lines = (PROJECT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "USER app" in lines
    assert any("--torch-backend=cpu" in line for line in lines)
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            assert (PROJECT / line.split()[1]).exists(), line
