import json

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from distill_core import specs
from distill_core.specs import (
    DatasetSpec,
    EnsemblePartSpec,
    EnsembleSpec,
    PictureSpec,
    PlaneSpec,
    ProblemSpec,
    ReplicatesSpec,
    Schedule,
    SectionSpec,
    SpecError,
    StudentSpec,
    canonical_json,
)
from distill_core.studies import CapacitySpec, SoftnessSpec, VarianceSpec
from distill_core.studies.student_stacks import StudentsSpec

NAN, INF = float("nan"), float("inf")
ALL_SPECS = [
    DatasetSpec,
    PlaneSpec,
    ProblemSpec,
    Schedule,
    EnsembleSpec,
    StudentSpec,
    SectionSpec,
    PictureSpec,
    ReplicatesSpec,
]
RANDOM_PLANE = PlaneSpec(kind="random")

# What is given, what the message says was received, what it says is allowed.
BAD_VALUES = [
    (StudentSpec, {"width": 0}, "got 0", "width should be greater than or equal to 1"),
    (StudentSpec, {"width": -3}, "got -3", "width should be greater than or equal to 1"),
    (StudentSpec, {"width": 10**9}, "got 1000000000", "less than or equal to 1024"),
    (StudentSpec, {"width": 10**400}, "got 1000000", "less than or equal to 1024"),
    (StudentSpec, {"width": 2.5}, "got 2.5", "width should be a valid integer"),
    (StudentSpec, {"width": "x"}, "got 'x'", "width should be a valid integer"),
    (StudentSpec, {"width": None}, "got None", "width should be a valid integer"),
    (StudentSpec, {"width": NAN}, "got nan", "width should be a finite number"),
    (StudentSpec, {"depth": 0}, "got 0", "depth should be greater than or equal to 1"),
    (StudentSpec, {"depth": 4}, "got 4", "depth should be less than or equal to 3"),
    (
        StudentSpec,
        {"temperature": 0},
        "got 0",
        "temperature should be greater than or equal to 0.01",
    ),
    (
        StudentSpec,
        {"temperature": -1},
        "got -1",
        "temperature should be greater than or equal to 0.01",
    ),
    (StudentSpec, {"temperature": 101}, "got 101", "less than or equal to 100"),
    (StudentSpec, {"temperature": NAN}, "got nan", "temperature should be a finite number"),
    (StudentSpec, {"temperature": INF}, "got inf", "temperature should be a finite number"),
    (StudentSpec, {"temperature": "hot"}, "got 'hot'", "temperature should be a valid number"),
    (StudentSpec, {"alpha": -0.1}, "got -0.1", "alpha should be greater than or equal to 0"),
    (StudentSpec, {"alpha": 1.1}, "got 1.1", "alpha should be less than or equal to 1"),
    (StudentSpec, {"alpha": NAN}, "got nan", "alpha should be a finite number"),
    (StudentSpec, {"alpha": -INF}, "got -inf", "alpha should be a finite number"),
    (StudentSpec, {"seed": -1}, "got -1", "seed should be greater than or equal to 0"),
    (StudentSpec, {"seed": 2**31}, "got 2147483648", "less than or equal to 2147483647"),
    (StudentSpec, {"schedule": {"epochs": 3}}, "'batch_size' is missing", "'learning_rate'"),
    (StudentSpec, {"ensemble": "all"}, "got 'all'", "instance of EnsembleSpec"),
    (EnsembleSpec, {"n_members": 0}, "got 0", "n_members should be greater than or equal to 1"),
    (EnsembleSpec, {"n_members": 25}, "got 25", "n_members should be less than or equal to 24"),
    (EnsembleSpec, {"hidden": ()}, "got 0", "1 to 4 hidden layers"),
    (EnsembleSpec, {"hidden": (8,) * 5}, "got 5", "1 to 4 hidden layers"),
    (EnsembleSpec, {"hidden": (8, 0)}, "got 0", "hidden.1 should be greater than or equal to 1"),
    (EnsembleSpec, {"hidden": 8}, "got 8", "hidden should be a valid tuple"),
    (EnsembleSpec, {"dropout": 1}, "got 1", "dropout should be less than 1"),
    (EnsembleSpec, {"combine": "vote"}, "got 'vote'", "'logits' or 'probabilities'"),
    (DatasetSpec, {"name": "iris"}, "got 'iris'", "'tutorial', 'moons', 'rings'"),
    (DatasetSpec, {"name": None}, "got None", "'digits' or 'upload'"),
    (PlaneSpec, {"kind": "flat"}, "got 'flat'", "'class centres', 'principal components'"),
    (PlaneSpec, {"kind": "two features", "features": (0, 1, 2)}, "(0, 1, 2)", "at most 2 items"),
    (ProblemSpec, {"plane": "flat"}, "got 'flat'", "instance of PlaneSpec"),
    (ProblemSpec, {"plane": {"kind": "flat"}}, "got 'flat'", "'random' or 'between'"),
    (Schedule, {**dict(Schedule.STUDENT), "epochs": 0}, "got 0", "epochs should be greater"),
    (Schedule, {**dict(Schedule.STUDENT), "batch_size": 7}, "got 7", "batch_size should be"),
    (Schedule, {**dict(Schedule.STUDENT), "learning_rate": 0}, "got 0", "greater than 0"),
    (Schedule, {**dict(Schedule.STUDENT), "shape": "step"}, "got 'step'", "'one-cycle' or"),
    (ReplicatesSpec, {"n_seeds": 1}, "got 1", "n_seeds should be greater than or equal to 2"),
    # Settings that do not exist.
    (StudentSpec, {"widht": 64}, "'widht'", "There is no setting called"),
    (EnsembleSpec, {"members": 3}, "'members'", "There is no setting called"),
    (StudentSpec, {"ensemble": {"members": 3}}, "'members'", "There is no setting called"),
    # Settings that contradict each other.
    (DatasetSpec, {"name": "breast cancer", "seed": 1}, "got 1", "its split seed is 42"),
    (PlaneSpec, {"features": (0, 1)}, "got plane 'class centres'", "only on the plane 'two f"),
    (PlaneSpec, {"kind": "random", "features": (0, 1)}, "got plane 'random'", "'two features'"),
    (PlaneSpec, {"kind": "two features", "features": (1, 1)}, "got (1, 1)", "two different"),
    (PlaneSpec, {"kind": "two features", "features": (-1, 1)}, "got (-1, 1)", "from 0"),
    (PlaneSpec, {"seed": 3}, "got plane 'class centres'", "goes with the plane 'random'"),
    (PictureSpec, {"plane": RANDOM_PLANE}, "on 'random'", "their own plane, 'class centres'"),
    (SectionSpec, {"plane": RANDOM_PLANE}, "on 'random'", "their own plane, 'class centres'"),
    (ReplicatesSpec, {"student": StudentSpec(seed=2)}, "got 2", "give seed 0"),
]


@pytest.mark.parametrize(("spec", "values", "received", "allowed"), BAD_VALUES)
def test_bad_value_is_refused_with_what_was_received_and_what_is_allowed(
    spec, values, received, allowed
):
    with pytest.raises(SpecError) as caught:
        spec(**values)
    message = str(caught.value)
    assert received in message
    assert allowed in message
    assert message.endswith(".")
    assert "\n" not in message
    assert "pydantic" not in message
    assert len(message) < 250


def test_every_wrong_value_gets_its_own_sentence():
    with pytest.raises(SpecError) as caught:
        StudentSpec(width=0, temperature=-1.0, alpha=2)
    assert str(caught.value) == (
        "width should be greater than or equal to 1, got 0. "
        "temperature should be greater than or equal to 0.01, got -1.0. "
        "alpha should be less than or equal to 1, got 2."
    )


def test_a_copy_with_changes_is_validated_too():
    with pytest.raises(SpecError, match=r"width .* got 0"):
        StudentSpec().replace(width=0)
    assert StudentSpec().replace(width=8) == StudentSpec(width=8)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.sampled_from(["kind", "name", "seed", "plane", "x"]), inner)
    ),
    max_leaves=4,
)


@settings(max_examples=300)
@given(st.data())
def test_any_value_whatever_makes_a_spec_or_a_spec_error(data):
    spec = data.draw(st.sampled_from(ALL_SPECS))
    field = data.draw(st.sampled_from(sorted(spec.model_fields)))
    value = data.draw(ANYTHING)
    try:
        said = spec(**{field: value}).digest + "."
    except SpecError as error:
        said = str(error)
    assert said.endswith(".")


def test_every_stop_of_every_slider_is_allowed():
    for width in specs.WIDTHS:
        assert StudentSpec(width=width).width == width
    for depth in specs.DEPTHS:
        assert len(StudentSpec(depth=depth).hidden) == depth
    for temperature in specs.TEMPERATURES:
        assert StudentSpec(temperature=temperature).temperature == temperature
    for alpha in specs.ALPHAS:
        assert StudentSpec(alpha=alpha).alpha == alpha
    for epochs in specs.EPOCHS:
        assert Schedule.STUDENT.replace(epochs=epochs).epochs == epochs
    assert EnsembleSpec(n_members=specs.MAX_MEMBERS).n_members == 24


# Meaning of the values


def test_the_parts_of_an_ensemble_hold_each_teacher_once():
    for n_members in range(1, specs.MAX_MEMBERS + 1):
        parts = EnsembleSpec(n_members=n_members).parts
        assert [m for part in parts for m in part.members] == list(range(n_members))
        assert len({part.digest for part in parts}) == len(parts)
    with pytest.raises(SpecError, match="got part 12"):
        EnsemblePartSpec(ensemble=EnsembleSpec(n_members=12), part=12)


@pytest.mark.parametrize(
    ("width", "depth", "hidden"),
    [(64, 2, (64, 32)), (1, 3, (1, 1, 1)), (3, 2, (3, 1)), (12, 3, (12, 6, 3)), (5, 1, (5,))],
)
def test_hidden_layers_halve_down_to_one_unit(width, depth, hidden):
    assert StudentSpec(width=width, depth=depth).hidden == hidden


def test_twin_differs_in_alpha_alone():
    student = StudentSpec(width=3, alpha=0.4, temperature=8, seed=5)
    assert {**dict(student), "alpha": 0.0} == dict(student.twin())
    assert student.twin().twin() == student.twin()


def test_replicates_are_the_seeds_from_zero_and_then_their_twins():
    students = ReplicatesSpec(student=StudentSpec(width=4), n_seeds=3).students
    assert [s.seed for s in students] == [0, 1, 2, 0, 1, 2]
    assert [s.alpha for s in students] == [0.7] * 3 + [0.0] * 3
    assert {s.width for s in students} == {4}


def test_planes_fill_in_what_belongs_to_their_kind():
    assert PlaneSpec(kind="two features").features == (0, 1)
    assert PlaneSpec(kind="random").seed == 0
    assert PlaneSpec(kind="random") == PlaneSpec(kind="random", seed=0)


def test_all_feature_models_may_be_seen_on_any_plane():
    free = EnsembleSpec(problem=ProblemSpec(plane=None))
    picture = PictureSpec(student=StudentSpec(ensemble=free), plane=RANDOM_PLANE)
    assert picture.section == SectionSpec(ensemble=free, plane=RANDOM_PLANE)


def test_specs_are_frozen_and_usable_as_keys():
    spec = StudentSpec()
    with pytest.raises(ValidationError, match="frozen"):
        spec.width = 3
    with pytest.raises(ValidationError, match="frozen"):
        del spec.width
    assert {spec: 1}[StudentSpec()] == 1


# Digests


def problem_specs():
    plane = st.one_of(
        st.builds(PlaneSpec, kind=st.sampled_from(["class centres", "discriminant"])),
        st.builds(PlaneSpec, kind=st.just("random"), seed=st.integers(0, 5)),
        st.builds(
            PlaneSpec,
            kind=st.just("two features"),
            features=st.lists(st.integers(0, 4), min_size=2, max_size=2, unique=True),
        ),
    )
    dataset = st.builds(
        DatasetSpec, name=st.sampled_from(["tutorial", "moons"]), seed=st.integers(0, 5)
    )
    return st.builds(ProblemSpec, dataset=dataset, plane=st.none() | plane)


def schedules():
    return st.builds(
        Schedule,
        epochs=st.integers(1, 200),
        batch_size=st.integers(8, 4096),
        learning_rate=st.floats(0, 1, exclude_min=True),
        weight_decay=st.floats(0, 1),
        shape=st.sampled_from(["one-cycle", "constant"]),
    )


FIELDS = {
    EnsembleSpec: {
        "problem": problem_specs(),
        "n_members": st.integers(1, 24),
        "seed": st.integers(0, 2**31 - 1),
        "hidden": st.lists(st.integers(1, 1024), min_size=1, max_size=4).map(tuple),
        "dropout": st.floats(0, 1, exclude_max=True),
        "combine": st.sampled_from(["logits", "probabilities"]),
        "schedule": schedules(),
    }
}
FIELDS[StudentSpec] = {
    "ensemble": st.builds(EnsembleSpec, **FIELDS[EnsembleSpec]),
    "width": st.integers(1, 1024),
    "depth": st.integers(1, 3),
    "temperature": st.floats(0.01, 100),
    "alpha": st.floats(0, 1) | st.just(-0.0),
    "seed": st.integers(0, 2**31 - 1),
    "schedule": schedules(),
}
STUDENTS = st.builds(StudentSpec, **FIELDS[StudentSpec])


@pytest.mark.parametrize("spec", FIELDS)
def test_digest_differs_when_any_field_differs(spec):
    assert FIELDS[spec].keys() == spec.model_fields.keys()

    @given(st.data())
    def check(data):
        one = data.draw(st.builds(spec, **FIELDS[spec]))
        field = data.draw(st.sampled_from(sorted(FIELDS[spec])))
        value = data.draw(FIELDS[spec][field])
        assume(value != getattr(one, field))
        assert one.replace(**{field: value}).digest != one.digest

    check()


@given(STUDENTS, STUDENTS)
def test_digests_are_equal_exactly_when_specs_are(one, other):
    assert (one.digest == other.digest) == (one == other)
    assert one.replace().digest == one.digest


def test_minus_zero_is_zero_in_digests_too():
    assert StudentSpec(alpha=-0.0).digest == StudentSpec(alpha=0.0).digest
    assert EnsembleSpec(dropout=-0.0).digest == EnsembleSpec(dropout=0.0).digest


def test_numbers_written_another_way_have_the_same_digest():
    assert StudentSpec(width="64", temperature=3, alpha="0.7").digest == StudentSpec().digest
    listed = EnsembleSpec(hidden=[256, 128, 64])
    assert listed.digest == EnsembleSpec().digest


def test_specs_of_different_kinds_never_share_a_digest():
    class Alike(PlaneSpec):
        pass

    assert dict(Alike()) == dict(PlaneSpec())
    assert Alike().digest != PlaneSpec().digest


def test_digests_are_32_hexadecimal_digits():
    digest = StudentSpec().digest
    assert len(digest) == 32
    assert set(digest) <= set("0123456789abcdef")


def test_digests_are_the_same_in_another_process(python):
    code = """
from distill_core.specs import *
print(StudentSpec().digest, PictureSpec().digest, ReplicatesSpec(n_seeds=3).digest,
      StudentSpec(temperature=0.1 + 0.2, alpha=1 / 3).digest, PlaneSpec(kind="random").digest)
"""
    assert python(code).split() == [
        StudentSpec().digest,
        PictureSpec().digest,
        ReplicatesSpec(n_seeds=3).digest,
        StudentSpec(temperature=0.1 + 0.2, alpha=1 / 3).digest,
        PlaneSpec(kind="random").digest,
    ]


@given(STUDENTS)
def test_specs_come_back_from_json(spec):
    written = spec.model_dump_json()
    assert StudentSpec(**json.loads(written)) == spec
    assert StudentSpec.model_validate_json(written) == spec
    assert StudentSpec(**json.loads(written)).digest == spec.digest


def test_canonical_json_has_one_way_to_write_a_value():
    assert canonical_json({"b": 1, "a": [1.5, "é"]}) == b'{"a":[1.5,"\\u00e9"],"b":1}'
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(NAN)


# The same values everywhere

# How each study takes a value of a student's setting; beside others where it takes several.
STUDIES = {
    StudentsSpec: {
        "width": lambda x: {"width": x},
        "depth": lambda x: {"depth": x},
        "temperature": lambda x: {"temperature": x},
        "alpha": lambda x: {"alphas": (x,)},
    },
    CapacitySpec: {
        "width": lambda x: {"widths": (1, 2, x)},
        "depth": lambda x: {"depth": x},
        "temperature": lambda x: {"temperature": x},
        "alpha": lambda x: {"alpha": x},
    },
    SoftnessSpec: {
        "width": lambda x: {"widths": (x,)},
        "depth": lambda x: {"depth": x},
        "temperature": lambda x: {"temperatures": (x,)},
        "alpha": lambda x: {"alphas": (x, 1.0)},
    },
    VarianceSpec: {
        name: lambda x, name=name: {"student": {name: x}}
        for name in ("width", "depth", "temperature", "alpha")
    },
}
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-1, 4),
    st.sampled_from([0, 0.0, -0.0, 0.005, 0.01, 100, 100.5, 1024, 1025, 10**400, NAN, INF, -INF]),
    st.floats(),
    st.floats(-0.1, 1.1),
    st.floats(0, 0.02),
    st.sampled_from(["3", "0.5", "nan", "inf", "1e9", " 2 ", "x", ""]),
    st.text(),
)


def accepts(spec, values):
    try:
        spec(**values)
    except SpecError:
        return False
    return True


@settings(max_examples=500)
@given(st.sampled_from(["width", "depth", "temperature", "alpha"]), VALUES)
def test_studies_accept_exactly_the_values_that_a_student_accepts(name, value):
    by_student = accepts(StudentSpec, {name: value})
    for study, settings_of in STUDIES.items():
        assert accepts(study, settings_of[name](value)) == by_student, study.__name__


# Planes and classes


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "three samples", "samples": (1, 1, 2)}, "three different training samples"),
        ({"kind": "three samples", "samples": (-1, 1, 2)}, "counted from 0, got (-1, 1, 2)"),
        ({"kind": "random", "samples": (0, 1, 2)}, "plane 'three samples', got plane 'random'"),
        ({"kind": "three samples", "samples": (0, 1)}, "samples"),
        ({"kind": "between"}, "got plane 'between' with None and t = None"),
        ({"kind": "random", "t": 0.5}, "got plane 'random' with None and t = 0.5"),
        (
            {
                "kind": "between",
                "t": 0.5,
                "ends": (
                    PlaneSpec(),
                    PlaneSpec(kind="between", t=0.5, ends=(PlaneSpec(), PlaneSpec())),
                ),
            },
            "planes of other kinds",
        ),
        ({"kind": "between", "ends": (PlaneSpec(), PlaneSpec()), "t": 1.5}, "got 1.5"),
        ({"offset": 11}, "offset should be less than or equal to 10, got 11"),
        ({"offset": float("nan")}, "offset should be a finite number"),
    ],
)
def test_contradictions_about_planes_are_refused(values, message):
    with pytest.raises(SpecError) as caught:
        PlaneSpec(**values)
    assert message in str(caught.value)


def test_slice_view_refuses_an_offset_that_would_change_nothing():
    with pytest.raises(SpecError, match="an offset would change nothing"):
        ProblemSpec(plane=PlaneSpec(offset=1))
    with pytest.raises(SpecError, match="another of that kind"):
        PictureSpec(plane=PlaneSpec(offset=1))
    free = StudentSpec(ensemble=EnsembleSpec(problem=ProblemSpec(plane=None)))
    assert PictureSpec(student=free, plane=PlaneSpec(offset=1)).plane.offset == 1


def test_usual_number_of_classes_is_the_same_spec_as_that_number():
    assert DatasetSpec(name="blobs") == DatasetSpec(name="blobs", n_classes=3)
    assert DatasetSpec(name="spirals").digest == DatasetSpec(name="spirals", n_classes=2).digest
    assert DatasetSpec(name="blobs").digest != DatasetSpec(name="blobs", n_classes=4).digest
    assert DatasetSpec().n_classes is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "blobs", "n_classes": 6}, "less than or equal to 5, got 6"),
        ({"name": "blobs", "n_classes": 1}, "greater than or equal to 2, got 1"),
        ({"name": "wine", "n_classes": 3}, "'blobs' and 'spirals', got dataset 'wine'"),
        ({"n_classes": 2}, "'blobs' and 'spirals', got dataset 'tutorial'"),
        ({"name": "wine", "seed": 1}, "'wine' is real data: its split seed is 42, got 1"),
        ({"name": "digits", "seed": 1}, "'digits' is real data: its split seed is 42, got 1"),
    ],
)
def test_contradictions_about_classes_are_refused(values, message):
    with pytest.raises(SpecError) as caught:
        DatasetSpec(**values)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "upload"}, "needs a table named by 32 hexadecimal digits, got None"),
        ({"name": "upload", "table": "../x"}, "got '../x'"),
        ({"name": "upload", "table": "A" * 32}, "needs a table"),
        ({"name": "upload", "table": "a" * 32 + "\n"}, "needs a table"),
        ({"name": "wine", "table": "a" * 32}, "A table goes with the dataset 'upload'"),
        ({"name": "upload", "table": "a" * 32, "seed": 1}, "its split seed is 42"),
    ],
)
def test_bad_table_names_are_refused(values, message):
    with pytest.raises(SpecError) as caught:
        DatasetSpec(**values)
    assert message in str(caught.value)
