"""The README's Python runs, and its map names what is there."""

import re

from tests.conftest import PROJECT

README = (PROJECT / "README.md").read_text()


def test_python_in_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DISTILL_STORE", str(tmp_path))
    monkeypatch.chdir(PROJECT)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    for block, printed in zip(blocks, ("agreement", "decimal sign is a comma"), strict=True):
        assert len(block.strip().splitlines()) <= 11
        exec(compile(block, "README.md", "exec"), {})
        assert printed in capsys.readouterr().out


def test_map_of_the_house_names_every_room_and_no_other():
    (house,) = re.findall(r"## The map of the house\n\n```\n(.*?)```", README, re.DOTALL)
    named = set(re.findall(r"^  ([a-z_]+)(?:\.py|/)", house, re.MULTILINE))
    rooms = {
        path.stem
        for folder in ("distill_core", "pages")
        for path in (PROJECT / folder).iterdir()
        if not path.name.startswith("__init__") and path.stem != "__pycache__"
    }
    assert named == rooms


def test_screenshot_is_there():
    for path in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (PROJECT / path).stat().st_size > 10_000
