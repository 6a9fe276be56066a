"""The report: its numbers, its words, and that nothing in it runs or is fetched."""

import html
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from distill_core import jobs, uploads
from distill_core.__main__ import main
from distill_core.data import csv_files, datasets
from distill_core.data.tables import prepare
from distill_core.exports import report, svg
from distill_core.exports.page import Report, write_html
from distill_core.exports.report import describe_setting, repeat, report_picture
from distill_core.exports.study_report import report_study
from distill_core.measures.intervals import crossed_interval
from distill_core.specs import PictureSpec, PlaneSpec
from distill_core.store import Store
from distill_core.studies import WorthSpec, answers, runner
from distill_core.studies.costs import Cost
from tests import tiny

HOSTILE = "<img src=x onerror=alert(1)>' onload='x\" =1+1 {0} \u202e&amp;"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("store"))


def picture(dataset="wine", plane=None, **changes):
    shown = PlaneSpec() if plane is None else plane
    return PictureSpec(student=tiny.student(tiny.teachers(dataset, plane), **changes), plane=shown)


def test_numbers_of_the_report_are_those_of_separate_trainings(kept):
    asked = picture()
    made = report_picture(asked, kept)
    y = datasets.load(asked.dataset).y_test
    hits = []
    for student in repeat(asked).students:
        jobs.train_student(student, kept)
        hits.append(kept.get("student", student.digest).arrays["test_labels"][0] == y)
    ours, twins = np.split(np.array(hits), 2)
    ensemble = kept.get("ensemble", asked.student.ensemble.digest).meta["accuracy"]
    assert made.table[1][1] == f"{ensemble:.1%}"
    assert made.table[2][1] == f"{ours.mean():.1%}"
    assert made.table[3][1] == f"{twins.mean():.1%}"
    assert float(made.figures[0][0].replace("−", "-")) == pytest.approx(
        1000 * (ensemble - ours.mean()), abs=0.06
    )
    gain = crossed_interval(ours.astype(float) - twins)
    lost = [row[2] for row in made.table[2:]]
    means = [float(cell.split(" ")[0].replace("−", "-")) for cell in lost]
    assert means[1] - means[0] == pytest.approx(1000 * gain.mean, abs=0.11)


def test_the_first_three_lines_say_what_was_asked_and_found_and_how_sure(kept):
    page = write_html(report_picture(picture(), kept))
    names = re.findall(r"<dt>([^<]*)</dt>", page)
    assert names[:3] == ["Asked", "Recommended", "How sure"]
    assert page.index("How sure") < page.index("<svg")


@pytest.mark.parametrize("dataset", ["moons", "digits"])
@pytest.mark.parametrize("plane", [None, PlaneSpec()], ids=["all features", "slice"])
def test_every_picture_is_an_svg_that_stands_by_itself(dataset, plane, kept):
    made = report_picture(picture(dataset, plane), kept)
    (drawn,) = made.pictures
    tree = ElementTree.fromstring(drawn.svg)
    space = "{http://www.w3.org/2000/svg}"
    texts = [one.text for one in tree.iter(f"{space}text")]
    names = [text.removesuffix(" (no line here)") for text in texts[:3]]
    assert names == ["ensemble", "student", "twin"]
    assert texts[3:] == list(datasets.load(made_dataset(dataset)).class_names)
    assert len(drawn.svg) < 200_000
    assert ("The models saw 2 of" in " ".join(made.limits)) == (plane is not None)


def made_dataset(name):
    return picture(name).dataset


def test_strings_of_a_visitor_are_never_markup(kept):
    text = f'"{HOSTILE.replace(chr(34), chr(34) * 2)}",b,y\n' + "".join(
        f'{i % 7},{i * i % 11},"{"xy"[i % 2]}{HOSTILE.replace(chr(34), chr(34) * 2)}"\n'
        for i in range(80)
    )
    dataset = uploads.keep(kept, prepare(csv_files.read(text.encode()), "y"))
    made = report_picture(picture(dataset), kept, link="javascript:alert(1)", command=HOSTILE)
    page = write_html(made)
    assert "<img" not in page
    assert "javascript:" not in page
    assert "\u202e" not in page
    assert dataset.table not in page
    names = [html.unescape(one) for one in re.findall(r"<text[^>]*>([^<]*)</text>", page)]
    assert any(name.startswith("x<img src=x") for name in names)
    ElementTree.fromstring(made.pictures[0].svg)
    hostile = Report(HOSTILE, *[HOSTILE] * 3, figures=[(HOSTILE, HOSTILE)], settings={HOSTILE: "1"})
    assert "<img" not in write_html(hostile)
    assert svg.escape("a\nb\x00c") == "a b c"


def test_the_page_names_no_address_but_the_link(kept):
    link = "https://example.org/playground?data=wine&teachers=2"
    page = write_html(report_picture(picture(), kept, link=link, command="make it"))
    found = set(re.findall(r"""(?:src|href|url)\s*[=(]\s*['"]?([^'")\s>]+)""", page))
    # Besides the link only a part of the picture itself.
    assert found == {html.escape(link), "#square"}
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_the_whole_setting_is_there_and_changes_with_it():
    def described(**changes):
        return describe_setting(picture(**changes))

    usual = described()
    for changes in ({"width": 8}, {"alpha": 0.2}, {"temperature": 9.0}, {"seed": 3}):
        assert described(**changes) != usual
    assert described(dataset="moons") != usual
    assert described(plane=PlaneSpec(kind="random", seed=3))["plane"] == "random, seed 3"


def test_the_command_writes_the_same_report_but_for_times(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(report, "_compare_times", lambda *_: (2.0, 3.0))
    monkeypatch.setenv("DISTILL_STORE", str(tmp_path / "store"))
    out = tmp_path / "report.html"
    small = ["--dataset", "wine", "--teachers", "1", "--width", "4", "--view", "all features"]
    assert main(["report", str(out), *small, "--link", "http://localhost/x"]) == 0
    assert capsys.readouterr().out.startswith(str(out))
    first = out.read_text()
    assert "http://localhost/x" in first
    assert main(["report", str(out), *small, "--link", "http://localhost/x", "--force"]) == 0
    assert out.read_text() == first
    with pytest.raises(SystemExit):
        main(["report", str(out), *small])
    assert "exists and is left as it is" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["report", str(tmp_path / "report.zip"), *small])
    assert "--format zip" in capsys.readouterr().err
    assert not (tmp_path / "report.zip").exists()


@pytest.fixture(scope="module")
def worth(kept):
    spec = WorthSpec(student=tiny.student(tiny.teachers("moons", None)), n_seeds=4)
    return runner.run(spec, kept)


def test_the_report_of_worth_recommends_what_the_study_does(worth):
    made = report_study(worth, link="https://example.org/deploy")
    page = write_html(made)
    assert made.found.startswith(answers.recommend(worth.summary))
    assert (made.found_name, made.sure) == ("Recommended", answers.say_how_sure(worth.summary))
    for line in (made.asked, made.found, made.sure):
        assert page.index(html.escape(line)) < page.index("<svg")
    assert made.figures[0][0] == answers.say_loss(worth.summary)[0]
    sizes = {entry["model"]: entry["bytes"] for entry in worth.summary["models"]}
    assert made.figures[1][0] == f"{sizes['ensemble'] / sizes['student']:,.0f} times"
    assert "not measured" in page
    tree = ElementTree.fromstring(made.pictures[0].svg)
    drawn = [one for one in tree.iter() if one.tag.endswith("circle")]
    assert len(drawn) == len(worth.summary["models"])


def test_the_report_of_worth_says_times_where_they_were_measured(worth):
    measured = [
        Cost("student", "float32", (1e-4, 1e-3), (2e-4, 2e-3), 10),
        Cost("student", "int8", (1e-9, 1e-9), (1e-9, 1e-9), 10),
        Cost("ensemble", "one after another", (1e-3, 4e-2), (2e-3, 5e-2), 10),
        Cost("ensemble", "stacked", (5e-4, 6e-2), (2e-3, 7e-2), 10),
    ]
    made = report_study(worth, measured=measured)
    assert made.figures[2] == ("40 times", "faster with 1,000 cases at once; 5 times with one")
    of = {row[0]: row[-1] for row in made.table}
    assert of["the student"] == of[answers.name_model("twin")] == "1"
    assert of["the whole ensemble"] == "40"
    assert "one thread" in write_html(made)
