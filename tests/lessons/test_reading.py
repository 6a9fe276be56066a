"""Files of lessons: what is wrong in them is said with file, line and what is allowed."""

import re

import pytest

from distill_core import lessons
from distill_core.lessons import LessonError, library, reading, words
from distill_core.lessons.kinds import KINDS
from tests.conftest import PROJECT
from tests.lessons.small import LESSON, small_lesson

TEXT = LESSON.read_text(encoding="utf-8")


@pytest.fixture
def read(tmp_path):
    def read_text(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return lessons.read(path)

    return read_text


def line_of(text, part):
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize("path", sorted(library._HERE.glob("*.toml")), ids=lambda path: path.stem)
def test_every_lesson_of_the_project_is_whole_in_english_and_german(path):
    if path.stem == "words":
        assert set(reading.COMPLETE) <= set(words.WORDS)
        return
    lesson = lessons.read(path)
    assert set(reading.COMPLETE) <= set(lesson.languages)
    assert 7 <= len(lesson.step) <= 9
    for step in lesson.step:
        said = [text.claims for text in step.text.values()]
        numbers = [
            {name: set(re.findall(r"\{(\w+)\}", claim)) for name, claim in one.items()}
            for one in said
        ]
        assert all(one == numbers[0] for one in numbers), f"{step.name}: other numbers"


def test_words_have_the_same_gaps_in_every_language():
    english = words.WORDS["en"].model_dump()
    for language, own in words.WORDS.items():
        for key, text in own.model_dump().items():
            gaps = set(re.findall(r"\{\w+\}", text))
            assert gaps == set(re.findall(r"\{\w+\}", english[key])), (language, key)


@pytest.mark.parametrize("language", reading.COMPLETE)
@pytest.mark.parametrize(
    "key", ["title", "question", "watch", "claims", "options.above", "claims.untold"]
)
def test_a_missing_key_in_any_language_is_refused_with_its_line(read, language, key):
    table, _, name = key.rpartition(".")
    inner = table or ("claims" if name == "claims" else "")
    header = f"[step.text.{language}{'.' * bool(inner)}{inner}]\n"
    if name == "claims":
        # The whole table goes.
        start = TEXT.index(header)
        text = TEXT[:start] + TEXT[TEXT.index("\n[", start) + 1 :]
    else:
        start = TEXT.index(f"\n{name} = ", TEXT.index(header)) + 1
        text = TEXT[:start] + TEXT[TEXT.index("\n", start) + 1 :]
    with pytest.raises(LessonError, match=r"mine\.toml, line \d+: .*missing") as refused:
        read(text)
    assert name in str(refused.value)
    assert language in text.splitlines()[int(re.search(r"line (\d+)", str(refused.value))[1]) - 1]


def test_a_missing_language_of_a_step_is_refused(read):
    start = TEXT.index("[step.text.de]")
    text = TEXT[:start] + TEXT[TEXT.index("[[step]]", start) :]
    with pytest.raises(LessonError, match=r"'targets' has no text in the language 'de'") as refused:
        read(text)
    assert f"line {line_of(text, '[[step]]')}:" in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("width = 24\n", "widht = 24\n", "no key 'step.0.state.widht'; allowed here: data, cl"),
        ("width = 24\n", 'data = "atlantis"\n', "'step.0.state.data' cannot be 'atlantis'"),
        ("width = 24\n", "classes = 3\n", "A number of classes goes with the datasets 'blobs'"),
        ("width = 24\n", "alpha = 0\n", "alpha should be above 0"),
        ("width = 24\n", 'data = "upload"\n', "has no table of a visitor's"),
        ('kind = "gain"', 'kind = "gian"', "'step.0.kind' cannot be 'gian'"),
        ('controls = ["width"]', 'controls = ["w"]', "'step.0.controls.0' cannot be 'w'"),
        ('name = "alpha"', 'name = "targets"', "two steps are called 'targets'"),
        ("{student}% of", "{pupil}% of", "asks for {pupil}; the kind 'gain' has n, rows"),
        ("{student}% of", "{student% of", "cannot be filled"),
        ("{student}% of", "{student.__class__}% of", "asks for {student.__class__}"),
        ("{n} seeds that", "{n!r:>99} seeds that", "asks for more than a plain number"),
        ("\nbelow = ", "\nbeneath = ", "there is no outcome 'beneath'; allowed: above, below, unt"),
        ("choices = [8, 16, 64]", "", "The kind 'size' needs choices"),
        ("choices = [8, 16, 64]", "choices = [7, 16]", "choices should be two or more of 2, 4"),
        ("width = 3\n", "width = 128\n", "The kind 'line' compares with width 128"),
        ('decimal = "."', 'decimal = ";"', "'languages.en.decimal' cannot be ';'"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_line(read, old, new, said):
    text = TEXT.replace(old, new, 1)
    with pytest.raises(LessonError) as refused:
        read(text)
    message = str(refused.value)
    assert message.startswith("mine.toml, line ")
    assert said in message
    assert abs(int(re.search(r"line (\d+)", message)[1]) - line_of(TEXT, old)) <= 12


def test_what_is_no_toml_and_what_is_too_long_is_said(read, tmp_path):
    with pytest.raises(LessonError, match=r"mine.toml is not TOML: .*line 2"):
        read('[languages.en]\nname = "x\n')
    with pytest.raises(LessonError, match="a lesson has at most 500,000"):
        read("#" * 600_000)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(LessonError, match="cannot be read as text"):
        lessons.read(tmp_path / "bytes.toml")


def test_a_key_is_found_in_long_strings_and_dotted_tables():
    text = 'a = """\n[step]\nb = 1\n"""\n[[step]]\n[step.text.en]\ntitle = "x"\n'
    text += '[[step]]\nname = "y"'
    assert reading.find_line(text, ("a",)) == 1
    assert reading.find_line(text, ("step", 0, "text", "en", "title")) == 7
    assert reading.find_line(text, ("step", 1, "name")) == 9
    assert reading.find_line(text, ("step", 1, "text", "en")) == 8


def test_a_folder_of_ones_own_is_read(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(small_lesson(), encoding="utf-8")
    (tmp_path / ".hidden name.toml").write_text("", encoding="utf-8")
    monkeypatch.setenv("DISTILL_LESSONS", str(tmp_path))
    assert list(lessons.find()) == ["distillation", "mine"]
    assert lessons.load("mine").step[0].state.data == "wine"
    (tmp_path / "mine.toml").write_text("[", encoding="utf-8")
    with pytest.raises(LessonError, match="is not TOML"):
        lessons.load("mine")
    with pytest.raises(
        LessonError, match=r"no lesson '\.\./mine'; there are 'distillation', 'mine'"
    ):
        lessons.load("../mine")
    monkeypatch.setenv("DISTILL_LESSONS", str(tmp_path / "none"))
    with pytest.raises(LessonError, match="should name a folder"):
        lessons.find()


def test_the_example_of_the_documentation_is_a_lesson(read):
    text = (PROJECT / "docs" / "lessons.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(read(example).step) == 1
    for name, kind in KINDS.items():
        (row,) = re.findall(rf"^\| `{name}` \|.*$", text, re.MULTILINE)
        assert all(f"`{outcome}`" in row for outcome in kind.outcomes), name
        assert all(f"`{number}`" in row for number in kind.numbers), name
