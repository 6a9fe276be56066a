"""The table of all settings: each is written here, once, and nowhere else. Knows no screen."""

from functools import partial

from distill_core import specs
from distill_core.specs import DatasetSpec, EnsembleSpec, PlaneSpec, StudentSpec
from distill_core.studies import CapacitySpec, SoftnessSpec, VarianceSpec, WorthSpec
from pages.frame.controls.setting import Setting

SLICE, ALL_FEATURES = "slice", "all features"
SEEDS_ALONE = "seeds alone"
UPLOAD, MOST_DISAGREEMENT = "your own data", "most disagreement"

# What the rows of a group have in common.
_EVERYWHERE = ("playground", "capacity", "softness", "variance", "deploy", "slices")
_ONE_STUDENT = ("playground", "variance", "deploy", "slices")
_SEED = (0, 9999)
_everywhere = partial(Setting, pages=_EVERYWHERE)
_ensemble = partial(_everywhere, spec=EnsembleSpec())
_student = partial(Setting, spec=StudentSpec())
_playground = partial(Setting, pages=("playground",))
_capacity = partial(Setting, pages=("capacity",), spec=CapacitySpec())
_softness = partial(Setting, pages=("softness",), spec=SoftnessSpec())
_variance = partial(Setting, pages=("variance",), spec=VarianceSpec())
_deploy = partial(Setting, pages=("deploy",), spec=WorthSpec())
# No control of any page.
_address = partial(Setting, pages=(), usual="", undo=False)
_lesson = partial(Setting, pages=("lesson",), undo=False)
_tour = partial(Setting, pages=("slices",), when=("view", ALL_FEATURES))

_ROWS = (
    # Which data, seen how, on which plane.
    _everywhere(
        key="data",
        label="Dataset",
        widget="choice",
        spec=DatasetSpec(),
        path="name",
        options={
            "tutorial": "20 features, 10 of them informative; where to begin",
            "moons": "two half moons; a boundary that must bend once",
            "rings": "four rings, the class changes from ring to ring; closed boundaries",
            "spirals": "arms that wind around each other, two to five; hard for narrow students",
            "checkerboard": "four by four squares; many corners, hard for everyone",
            "blobs": "round clouds, two to five classes; watch T come alive with more classes",
            "breast cancer": "real: 30 features, measured on 569 tumours; two classes, few samples",
            "wine": "real: 13 chemical features of 178 wines; three classes, very few samples",
            "digits": "real: 8 by 8 pixels of 1,797 handwritten digits; ten classes",
            UPLOAD: "a file of yours; stays in your session",
        },
        help="What is to be classified. Moons, rings, spirals and checkerboard lie on a plane "
        "that is turned and hidden among 18 more dimensions of noise; the others have no such "
        "plane.",
    ),
    *(
        _everywhere(
            key=key,
            label="Number of classes",
            widget="stops",
            spec=DatasetSpec(name=data),
            path="n_classes",
            options=(2, 3, 4, 5),
            when=("data", data),
            help="With two classes a soft target says little more than the label; with more it "
            "also says which wrong answers are nearly right.",
        )
        for key, data in (("classes", "blobs"), ("arms", "spirals"))
    ),
    _everywhere(
        key="view",
        label="View",
        widget="buttons",
        options=(SLICE, ALL_FEATURES),
        help="**slice**: the models are trained on the two plane coordinates only, so the picture "
        "is the whole model. **all features**: the models see every feature and the picture "
        "is the cut through the plane; most points do not lie on it.",
    ),
    _everywhere(
        key="plane",
        label="Plane",
        widget="choice",
        spec=PlaneSpec(),
        path="kind",
        options={
            "class centres": "where the clusters of the classes lie; a good first look",
            "principal components": "where the data spreads most; to see its overall shape",
            "discriminant": "where the classes part best; to see how clean a boundary can be",
            "two features": "the axes you know, to read off values; may leave the data",
            "three samples": "through three samples that you click; to look at a case of interest",
            MOST_DISAGREEMENT: "where ensemble and student differ most; to look for what the "
            "student lost",
            "random": "an honest draw; to check that another plane says the same",
        },
        help="The 2-D slice of feature space on which everything is drawn.",
    ),
    *(
        _everywhere(
            key=key,
            label=label,
            widget="named",
            spec=PlaneSpec(kind="two features"),
            path=path,
            when=("plane", "two features"),
            help=help,
        )
        for key, label, path, help in (
            ("fx", "Feature across", "features.0", "The horizontal axis."),
            ("fy", "Feature up", "features.1", "The vertical axis."),
        )
    ),
    _everywhere(
        key="pseed",
        label="Plane seed",
        widget="number",
        spec=PlaneSpec(kind="random"),
        path="seed",
        options=_SEED,
        when=("plane", "random"),
        help="Another seed is another random plane.",
    ),
    _everywhere(key="corners", label="Corners", widget="text", usual=""),
    _everywhere(key="found", label="Plane found", widget="text", usual=""),
    _everywhere(
        key="offset",
        label="Plane offset",
        widget="slider",
        spec=PlaneSpec(),
        path="offset",
        # Normal spreads: farther out there are hardly any samples.
        options=(-3.0, 3.0),
        step=0.25,
        when=("view", ALL_FEATURES),
        help="Moves the plane, parallel to itself, in the direction off it in which the data "
        "spreads most; in standard deviations of that spread. It trains nothing.",
    ),
    # The teachers.
    _ensemble(
        key="teachers",
        label="Number of teachers",
        widget="slider",
        path="n_members",
        options=(1, specs.MAX_MEMBERS),
        help="How many separately trained networks (256-128-64 hidden units each) make up the "
        "ensemble.",
    ),
    _ensemble(
        key="combine",
        label="Combine teachers by the mean of",
        widget="buttons",
        path="combine",
        options=("logits", "probabilities"),
        help="What is averaged over the teachers to give the ensemble's answer. A mean of "
        "probabilities is less sure where teachers contradict each other.",
    ),
    _ensemble(
        key="eseed",
        label="Ensemble seed",
        widget="number",
        path="seed",
        options=_SEED,
        help="Where the teachers' random starts, batch orders and dropout come from. Another seed "
        "trains another ensemble.",
    ),
    # The student, in the order in which a pin has its settings: a new one goes to the end.
    _student(
        key="width",
        label="Student width",
        widget="stops",
        pages=_ONE_STUDENT,
        path="width",
        options=specs.WIDTHS,
        words="width {}",
        on_top=True,
        help="Units in the student's first hidden layer; each further layer has half as many. 64 "
        "is the tutorial's student.",
    ),
    _student(
        key="depth",
        label="Student depth",
        widget="stops",
        pages=_EVERYWHERE,
        path="depth",
        options=specs.DEPTHS,
        words="depth {}",
        help="Hidden layers; each is half as wide.",
    ),
    _student(
        key="T",
        label="Temperature T",
        widget="stops",
        pages=("capacity", *_ONE_STUDENT),
        path="temperature",
        options=specs.TEMPERATURES,
        words="T = {}",
        on_top=True,
        help="Softens the ensemble's probabilities before the student learns them: at T = 1 they "
        "are as sharp as the ensemble is sure, at T = 20 nearly even.",
    ),
    _student(
        key="alpha",
        label="alpha (weight on the ensemble)",
        widget="stops",
        pages=("capacity", *_ONE_STUDENT),
        path="alpha",
        options=specs.ALPHAS,
        words="alpha = {}",
        on_top=True,
        help="1: learn from the ensemble alone. 0: learn from the labels alone, which makes the "
        "student its own hard-label twin. Many codebases weigh the labels with alpha instead.",
    ),
    _student(
        key="epochs",
        label="Epochs",
        widget="stops",
        pages=_EVERYWHERE,
        path="schedule.epochs",
        options=specs.EPOCHS,
        words="{} epochs",
        help="How often the student sees all training data. 12 is enough to match the tutorial's "
        "50 slower ones.",
    ),
    _student(
        key="seed",
        label="Student seed",
        widget="number",
        pages=("playground", "slices"),
        path="seed",
        options=_SEED,
        words="seed {}",
        help="The student's random start and batch order. Its twin shares both.",
    ),
    # What the playground draws beside.
    _playground(key="pin", label="Pinned student", widget="text", usual="", undo=False),
    _playground(
        key="show",
        label="Layers",
        widget="pills",
        bare=True,
        options=("test points", "training points", "student's levels", "each teacher"),
        usual=("test points",),
        undo=False,
    ),
    _playground(key="one", label="Show", widget="named", usual=0, bare=True),
    # The studies.
    _capacity(
        key="seeds",
        label="Seeds",
        widget="number",
        path="n_seeds",
        options=(1, 64),
        help="Students per width. More seeds, narrower bands.",
    ),
    _capacity(
        key="tolerance",
        label="Tolerance (points)",
        widget="number",
        path="tolerance",
        options=(0.1, 20.0),
        step=0.1,
        help="How much less than the widest student's agreement is good enough, in percentage "
        "points. It changes the answer and trains nothing.",
    ),
    Setting(
        key="who",
        label="Whose boundaries",
        widget="buttons",
        pages=("capacity",),
        options=("student", "twin"),
    ),
    Setting(
        key="chance",
        label="Intervals for",
        widget="buttons",
        pages=("capacity", "softness", "variance"),
        options=("seeds and rows", SEEDS_ALONE),
        help="What the drawn intervals allow for: other seeds and other test rows of the same "
        "kind, or other seeds on these very rows. The answer always allows for both.",
    ),
    _softness(
        key="cellseeds",
        label="Seeds",
        widget="number",
        path="n_seeds",
        options=(1, 32),
        help="Students per cell. More seeds, narrower intervals.",
    ),
    _softness(
        key="widths",
        label="Student widths",
        widget="some",
        path="widths",
        options=specs.WIDTHS,
    ),
    Setting(
        key="when",
        label="When",
        widget="buttons",
        pages=("softness",),
        options=("after the first step", "at the end of training"),
    ),
    _variance(
        key="repeats",
        label="Repeats over seeds",
        widget="number",
        path="n_repeats",
        options=(1, 32),
        help="All seeds anew, the same training data.",
    ),
    _variance(
        key="resamples",
        label="Repeats over resamples",
        widget="number",
        path="n_resamples",
        options=(0, 32),
        help="The same seeds, the training data drawn anew from itself (bootstrap).",
    ),
    Setting(
        key="over",
        label="Repeats",
        widget="buttons",
        pages=("variance",),
        options=("seeds", "resamples"),
    ),
    Setting(
        key="scale",
        label="Scale",
        widget="buttons",
        pages=("variance",),
        options=("of each map", "one for all maps"),
    ),
    _deploy(
        key="trials",
        label="Seeds",
        widget="number",
        path="n_seeds",
        options=(1, 32),
        help="Students, twins, trees and forests of each kind. More seeds, narrower intervals.",
    ),
    _deploy(
        key="maylose",
        label="Points that may be lost",
        widget="number",
        path="tolerance",
        options=(0.1, 20.0),
        step=0.1,
        help="How much accuracy, in percentage points, what is saved may cost. It changes the "
        "recommendation and trains nothing.",
    ),
    Setting(
        key="cost",
        label="Cost",
        widget="buttons",
        pages=("deploy",),
        help="Bytes on disk; the time of one case, or of 1,000 at once, on this machine; the price "
        "of a million answers.",
        options=("bytes", "one case", "1,000 cases", "price"),
    ),
    Setting(
        key="quality",
        label="Quality",
        widget="buttons",
        pages=("deploy",),
        options=("accuracy", "agreement"),
    ),
    Setting(
        key="price",
        label="Price of an hour",
        widget="typed",
        pages=("deploy",),
        usual="0.10",
        help="Of this machine, in your currency. It gives the price of a million answers, in large "
        "batches.",
    ),
    # The slices.
    Setting(
        key="near",
        label="Near the plane: the nearest share of the data",
        widget="stops",
        pages=("slices",),
        options=(0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0),
        usual=0.1,
        form="{:.0%}",
        help="Sets the distance h up to which a point counts as near. It trains nothing.",
    ),
    _tour(key="kept", label="Plane kept", widget="text", usual=""),
    _tour(
        key="stops",
        label="Stops, after the present plane",
        widget="some",
        options=(
            *("class centres", "principal components", "discriminant", "two features"),
            *("three samples", "random 0", "random 1", "random 2"),
        ),
        usual=("principal components", "discriminant", "random 0"),
    ),
    _tour(key="steps", label="Steps", widget="stops", options=(60, 120, 180)),
    # What a link fixes, and how a page is shown.
    _address(key="lock", label="Locked controls", widget="text"),
    _address(key="hide", label="Hidden controls", widget="text"),
    _address(key="room", label="Room of a class", widget="text"),
    _address(key="present", label="Presenter's view", widget="text"),
    # The lesson: where the learner is, and what was predicted.
    _lesson(key="lesson", label="Which lesson", widget="text", usual=""),
    _lesson(key="lang", label="Language", widget="buttons", options=("en", "de")),
    _lesson(key="step", label="Step of the lesson", widget="text", usual=""),
    _lesson(key="guesses", label="Predictions so far", widget="text", usual=""),
)
SETTINGS = {row.key: row for row in _ROWS}


def of_spec(kind: type[specs.Spec], page: str = "playground") -> list[Setting]:
    """Return the settings of a kind of spec that a page shows."""
    rows = SETTINGS.values()
    return [row for row in rows if type(row.spec) is kind and page in row.pages]


def describe(student: StudentSpec) -> str:
    """Say a student's setting in a few words."""
    rows = of_spec(StudentSpec)
    return ", ".join(row.words.format(row.text(row.value_in(student))) for row in rows)
