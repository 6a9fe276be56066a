"""The report of one picture for people who decide: may a student replace the ensemble."""

from typing import Any

from distill_core import jobs
from distill_core.boundaries.section import Section
from distill_core.data import datasets
from distill_core.exports import svg
from distill_core.exports.page import Figure, Report
from distill_core.geometry.problems import load_plane, load_problem, load_window
from distill_core.jobs import artifacts, faithfulness
from distill_core.learning.networks import Stack
from distill_core.measures.intervals import Interval
from distill_core.measures.shares import format_share
from distill_core.specs import DatasetSpec, EnsembleSpec, PictureSpec, ReplicatesSpec, StudentSpec
from distill_core.store import Store
from distill_core.studies import contenders, costs, picture_answers, replacement

# Test samples that a picture shows: more are hard to print.
_MAX_POINTS = 150


def list_wanted(picture: PictureSpec) -> dict[str, tuple[jobs.Job, Any]]:
    """Return the jobs, by a name for each, whose results `report_picture` reads."""
    return {
        "section": (jobs.evaluate_section, picture.section),
        "picture": (jobs.evaluate_picture, picture),
        "answers": (jobs.collect_answers, repeat(picture)),
    }


def repeat(picture: PictureSpec) -> ReplicatesSpec:
    """Return the same setting over eight seeds."""
    return ReplicatesSpec(student=picture.student.replace(seed=0))


def report_picture(
    picture: PictureSpec,
    store: Store,
    link: str = "",
    command: str = "",
    report: Any = jobs.report_nothing,
) -> Report:
    """Return the report of a student, its twin and its ensemble; trains what is missing.

    Times are measured here and now; all else is the same each time.

    Parameters
    ----------
    link, command : str
        What opens it again in the app, and what makes it again from a command line.
    report : callable
        Told how far each job is, as jobs do.
    """
    made = {
        name: artifacts.load_or_make(store, job, spec, report)
        for name, (job, spec) in list_wanted(picture).items()
    }
    student, ensemble = picture.student, picture.student.ensemble
    whole = artifacts.load_or_make(store, jobs.train_ensemble, ensemble, report)
    data = datasets.load(picture.dataset)
    arrays = made["answers"].arrays
    found = replacement.compare(
        arrays["ensemble"], arrays["students"], arrays["twins"], data.y_test
    )
    n, n_parameters = ensemble.n_members, made["picture"].meta["n_parameters"]
    many = n * whole.meta["n_parameters"]
    networks = "one network" if n == 1 else f"{n} networks"
    name = name_data(picture.dataset)
    times = _compare_times(student, store)
    return Report(
        title=f"Can one small network replace {networks}?",
        asked=(
            f"Whether one student with {n_parameters:,} weights may answer in place of {networks} "
            f"with {many:,}, on {name}, {data.n_classes} classes; and whether it has to learn "
            "from them."
        ),
        found=f"{replacement.advise(found, n)} {replacement.describe_loss(found)}",
        sure=replacement.describe_sureness(found),
        figures=[
            (_signed(found.lost), f"cases lost of 1,000, 95% interval {_span(found.lost)}"),
            (costs.format_times(many / n_parameters), "smaller, counted in weights"),
            (
                costs.format_times(times[1]),
                f"faster with 1,000 cases at once; {costs.format_times(times[0])} with one",
            ),
            (
                format_share(found.agreement.mean),
                f"of {len(data.y_test):,} test rows answered like the ensemble",
            ),
        ],
        pictures=[draw_picture(picture, store)],
        table=[
            ("Right on test data", "accuracy", "cases lost of 1,000 against the ensemble"),
            (f"ensemble of {n}", format_share(found.ensemble), "-"),
            ("student, taught by the ensemble", format_share(found.student), _cell(found.lost)),
            ("twin, taught by labels alone", format_share(found.twin), _cell(found.twin_lost)),
        ],
        method=[
            f"{n} networks of {_layers(ensemble.hidden)} hidden units were trained on "
            f"{len(data.y_train):,} rows; their mean answer is the ensemble's.",
            f"A student of {_layers(student.hidden)} hidden units learned from the ensemble's "
            f"probabilities (T = {student.temperature:g}, weight {student.alpha:g}) and the "
            "labels; its twin, with the same start and the same batches, from the labels alone.",
            f"Both were trained {found.lost.n} times from other random starts, and all answered "
            f"the same {len(data.y_test):,} rows that nobody had learned from.",
            f"Times are medians of single calls on {costs.describe_machine()}.",
            f"Does learning from the ensemble help? {replacement.describe_gain(found)}",
        ],
        limits=_list_limits(picture, store),
        settings=describe_setting(picture),
        link=link,
        command=command,
    )


def draw_picture(picture: PictureSpec, store: Store) -> Figure:
    """Return the ensemble's ground with the lines of ensemble, student and twin, from the store."""
    window = load_window(picture.plane, picture.dataset)
    data = datasets.load(picture.dataset)
    section = artifacts.load_or_make(store, jobs.evaluate_section, picture.section)
    models = artifacts.load_or_make(store, jobs.evaluate_picture, picture)
    whole = artifacts.read_section(section, window)
    ours, twins = (artifacts.read_section(models, window, who) for who in ("", "twin_"))
    shown = data.X_test[:_MAX_POINTS]
    uv = load_plane(picture.plane, picture.dataset).project(shown)
    lines = {"twin": twins.lines, "ensemble": whole.lines, "student": ours.lines}
    said = _describe_picture(whole, ours, picture)
    drawn = svg.draw_plane(whole, lines, data.class_names, uv, data.y_test[:_MAX_POINTS], said)
    return Figure(drawn, said)


def _compare_times(spec: StudentSpec, store: Store) -> tuple[float, ...]:
    """Return how many times faster the student is here and now, see `costs.compare_times`."""
    own, whole = (
        Stack.from_arrays(artifacts.load_or_make(store, job, one).arrays)
        for job, one in ((jobs.train_student, spec), (jobs.train_ensemble, spec.ensemble))
    )
    X = contenders.shape_inputs(load_problem(spec.ensemble.problem).X_test)
    listed = contenders.list_networks(own.members([0]), whole, spec.ensemble.combine, X)
    measured = [costs.measure(one) for one in listed if one.form != "int8"]
    found = costs.compare_times(measured)
    assert found is not None
    return found


def name_data(dataset: DatasetSpec) -> str:
    """Return what data is called in a sentence."""
    return "your own data" if dataset.table is not None else f"the data set {dataset.name!r}"


def describe_setting(picture: PictureSpec) -> dict[str, str]:
    """Return the whole setting in words, by name."""
    student, ensemble = picture.student, picture.student.ensemble
    plane = picture.plane
    more = [
        f"{name} {value}"
        for name in ("features", "seed", "samples", "t")
        if (value := getattr(plane, name)) is not None
    ]
    return {
        "data": name_data(picture.dataset),
        "seed of the data": str(picture.dataset.seed),
        "view": "all features" if ensemble.problem.plane is None else "slice",
        "plane": ", ".join([plane.kind, *more]),
        "plane offset": f"{plane.offset:g}",
        "teachers": f"{ensemble.n_members}, {_layers(ensemble.hidden)} hidden units",
        "combined by": f"mean of {ensemble.combine}",
        "seed of the ensemble": str(ensemble.seed),
        "student": f"{_layers(student.hidden)} hidden units",
        "T, alpha": f"{student.temperature:g}, {student.alpha:g} on the ensemble",
        "epochs": f"{student.schedule.epochs}; teachers {ensemble.schedule.epochs}",
        "seed shown": f"{student.seed}; repeats 0 to {repeat(picture).n_seeds - 1}",
    }


def _describe_picture(whole: Section, ours: Section, picture: PictureSpec) -> str:
    cut = picture.student.ensemble.problem.plane is None
    view = "a cut through what the models see" if cut else "all that the models see"
    return (
        f"Decision boundaries on the plane {picture.plane.kind!r}, {view}; the ground is the "
        f"ensemble's answer. Ensemble and student (seed {picture.student.seed}) agree on "
        f"{ours.agreement(whole):.1%} of the area. Signs: at most {_MAX_POINTS} test rows."
    )


def _list_limits(picture: PictureSpec, store: Store) -> list[str]:
    student = picture.student
    limits = [
        f"The recommendation takes for granted that {replacement.TOLERANCE:g} cases of 1,000 may "
        "be lost. If yours is another number, compare it with the interval.",
        "All cases cost the same here. Where one kind of error is worse, count that kind.",
        "The intervals allow for other rows of the same kind and other starts of the student, not "
        "for another ensemble, and not for data that changes.",
        "How much faster depends on the machine and on what else it does.",
    ]
    if student.alpha == 0:
        limits.insert(0, "alpha is 0: student and twin are the same network here.")
    if warned := warn_of_slice(student.ensemble):
        return [*warned, *limits]
    look = store.get(faithfulness.measure_slice.kind, picture.digest)
    if look is not None:
        right = int(look.arrays["own_colour"][0].sum())
        n = len(datasets.load(picture.dataset).X_test[: faithfulness.N_SHOWN])
        said = picture_answers.describe_own_colour(right, n).replace("**", "")
        return [*limits, f"The picture is a cut. {said}"]
    return [*limits, "The picture is a cut: most points lie off it, and may be answered otherwise."]


def warn_of_slice(ensemble: EnsembleSpec) -> list[str]:
    """Say that models saw two coordinates alone; nothing where they saw all features."""
    if ensemble.problem.plane is None:
        return []
    n = datasets.load(ensemble.problem.dataset).n_features
    return [
        f"The models saw 2 of {n} directions of the data (slice view): with all features they "
        "answer otherwise. To decide about the data itself, choose all features."
    ]


def _layers(hidden: tuple[int, ...]) -> str:
    return "-".join(map(str, hidden))


def _signed(found: Interval) -> str:
    return f"{found.mean:+.1f}".replace("-", "−")


def _span(found: Interval) -> str:
    return f"{found.low:+.1f} to {found.high:+.1f}".replace("-", "−")


def _cell(found: Interval) -> str:
    return f"{_signed(found)} ({_span(found)})"
