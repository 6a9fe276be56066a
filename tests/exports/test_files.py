"""Files that are exported: never over another one, never half, each by a command."""

import errno
import os
import re
import resource
import signal
import sys

import pytest

from distill_core.__main__ import main
from distill_core.exports import files
from distill_core.exports.model import ExportError

SMALL = ["--dataset", "wine", "--teachers", "1", "--width", "4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(autouse=True)
def in_this_store(folder, monkeypatch):
    monkeypatch.setenv("DISTILL_STORE", str(folder))


def refuse(argv, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("kind", ["onnx", "safetensors", "python"])
@pytest.mark.parametrize("view", ["slice", "all features"])
def test_a_file_is_written_and_checked(kind, view, tmp_path, capsys):
    out = tmp_path / "student.out"
    assert main(["export", "--format", kind, str(out), *SMALL, "--view", view]) == 0
    said = capsys.readouterr().out
    (difference,) = re.findall(r"On 36 raw test rows .* by at most (\S+)\.", said)
    assert float(difference) < 1e-5
    assert ("opset 17" in said) == (kind == "onnx")
    names = ["student.json", "student.out"] if kind == "safetensors" else ["student.out"]
    assert sorted(os.listdir(tmp_path)) == names
    assert oct(out.stat().st_mode & 0o777) == oct(0o666 & ~files._read_umask())


def test_a_file_that_exists_is_left_as_it_is(tmp_path, capsys):
    out = tmp_path / "student.py"
    out.write_text("mine")
    argv = ["export", "--format", "python", str(out), *SMALL]
    assert "exists and is left as it is. Give --force to replace it." in refuse(argv, capsys)
    assert out.read_text() == "mine"
    assert main([*argv, "--force"]) == 0
    assert b"predict_proba" in out.read_bytes()
    beside = tmp_path / "weights.json"
    beside.write_text("mine")
    argv = ["export", "--format", "safetensors", str(tmp_path / "weights.safetensors"), *SMALL]
    assert "weights.json exists" in refuse(argv, capsys)
    assert beside.read_text() == "mine"
    assert not (tmp_path / "weights.safetensors").exists()


@pytest.mark.parametrize(
    ("out", "more", "message"),
    [
        ("", [], "is a folder; give the name of a file"),
        ("no/where.py", [], "There is no folder"),
        ("x.py", ["--width", "0"], "width should be"),
        ("x.py", ["--csv", "x.csv"], "--csv needs --label COLUMN"),
        ("x.py", ["--view", "none"], "invalid choice: 'none'"),
    ],
)
def test_what_cannot_be_written_is_said_in_a_sentence(out, more, message, tmp_path, capsys):
    said = refuse(["export", "--format", "python", str(tmp_path / out), *SMALL, *more], capsys)
    assert message in said
    assert os.listdir(tmp_path) == []


def test_no_onnx_is_said_in_a_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    said = refuse(["export", "--format", "onnx", str(tmp_path / "x.onnx"), *SMALL], capsys)
    assert "needs the package onnx, which is not installed here: `pip install onnx`" in said
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_no_half_file(call, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "x.py"
    path.write_text("old")
    with monkeypatch.context() as broken:
        broken.setattr(os, call, full)
        with pytest.raises(ExportError, match=r"cannot be written \(No space left on device\)"):
            files.write(path, b"new" * 1000, force=True)
    assert os.listdir(tmp_path) == ["x.py"]
    assert path.read_text() == "old"
    files.write(path, b"new", force=True)
    assert path.read_text() == "new"


def test_a_write_that_breaks_off_leaves_nothing(tmp_path):
    """The system refuses the rest of the bytes, as a disk does that fills up meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        with pytest.raises(ExportError, match="cannot be written"):
            files.write(tmp_path / "x.py", bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert os.listdir(tmp_path) == []
