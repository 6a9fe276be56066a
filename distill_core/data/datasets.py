"""From a `DatasetSpec` to a standardised, split `Dataset`; no planes, no models."""

import dataclasses
import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import special_ortho_group
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_wine,
    make_classification,
    make_moons,
)
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from distill_core.data.encoding import Encoding
from distill_core.data.groups import split_groups
from distill_core.specs import DatasetSpec, SpecError

# Samples and features of made data, and the share of any data that is for testing.
N_SAMPLES = 5000
N_FEATURES = 20
TEST_SHARE = 0.2
# Widths of a blob by which centres spread: neighbours touch, and few samples are lost.
_APART = 0.75


@dataclass(frozen=True, eq=False)
class Dataset:
    """Standardised features and labels, split once.

    Parameters
    ----------
    X_train, X_test : ndarray of shape (n, d), float64
        Features with mean 0 and standard deviation 1 on the training part.
    y_train, y_test : ndarray of shape (n,), int64
        Labels counted from 0.
    feature_names, class_names : tuple of str
        `d` and `n_classes` names to show.
    encoding : Encoding, optional
        How features come from the columns that people have.
    """

    X_train: NDArray[np.float64]
    y_train: NDArray[np.int64]
    X_test: NDArray[np.float64]
    y_test: NDArray[np.int64]
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    encoding: Encoding | None = None

    @property
    def feature_means(self) -> NDArray[np.float64] | None:
        """In the file's own units a feature (d,) is `feature_means + feature_scales * X`."""
        if self.encoding is None:
            return None
        return np.array([feature.centre for feature in self.encoding.features])

    @property
    def feature_scales(self) -> NDArray[np.float64] | None:
        """See `feature_means`."""
        if self.encoding is None:
            return None
        return np.array([feature.spread for feature in self.encoding.features])

    @property
    def n_features(self) -> int:
        """Number of features d."""
        return self.X_train.shape[1]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


@dataclass(frozen=True, eq=False)
class Table:
    """Data that somebody uploaded, not yet split.

    Parameters
    ----------
    X : ndarray of shape (n, d), float32
        Features, each with mean 0 and standard deviation 1.
    y : ndarray of shape (n,), int64
        Labels counted from 0.
    feature_names, class_names : tuple of str
        As in the file: plain text, to be shown as such.
    encoding : Encoding, optional
        How features come from the file's columns.
    groups : ndarray of shape (n,), int64, optional
        Rows of one group are never split: equal rows, or those of one person.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int64]
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]
    encoding: Encoding | None = None
    groups: NDArray[np.int64] | None = None


def find_tables_with(find: Callable[[str], Table]) -> None:
    """Let this process find uploaded tables by their digest; see `uploads.use`."""
    global _find_table
    _find_table = find


def _refuse_table(digest: str) -> Table:
    raise SpecError(f"This process does not know where uploaded tables are, got table {digest}.")


_find_table: Callable[[str], Table] = _refuse_table


_P = ParamSpec("_P")
_R = TypeVar("_R")
_memories: list[Callable[[], None]] = []


def remember(maxsize: int) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Keep the last results of a function of specs in memory, until `forget`."""

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        kept = functools.lru_cache(maxsize)(function)
        _memories.append(kept.cache_clear)
        return kept  # type: ignore[return-value]

    return decorate


def forget() -> None:
    """Drop from this process's memory what was made of data, as a table has been deleted."""
    for clear in _memories:
        clear()


@remember(maxsize=16)
def load(spec: DatasetSpec) -> Dataset:
    """Make or read the data of a spec, split it 80/20 and standardise it on the training part.

    The arrays are the same in every process.
    """
    if spec.name in _REAL:
        return _load_real(spec)
    if spec.name == "upload":
        table = _find_table(spec.table or "")
        X, y = table.X.astype(float), table.y
        parts = (
            None if table.groups is None else split_groups(y, table.groups, TEST_SHARE, spec.seed)
        )
        names, classes, encoding = table.feature_names, table.class_names, table.encoding
        data = _split(X, y, spec.seed, names, classes, True, parts, encoding)
        return data if encoding else dataclasses.replace(data, encoding=None)
    if spec.name == "tutorial":
        X, y = make_classification(
            n_samples=N_SAMPLES,
            n_features=N_FEATURES,
            n_informative=10,
            n_redundant=5,
            random_state=spec.seed,
        )
    else:
        generator = np.random.default_rng(spec.seed)
        if spec.name == "blobs":
            X, y = _blobs(generator, spec.n_classes or 3)
        elif spec.name == "spirals":
            flat, y = _spirals(generator, spec.n_classes or 2)
            X = _hide(flat, generator)
        else:
            flat, y = _FLAT[spec.name](generator)
            X = _hide(flat, generator)
    made = [f"feature {i}" for i in range(X.shape[1])]
    kinds = [f"class {i}" for i in range(spec.n_classes or 2)]
    return _split(X, y, spec.seed, made, kinds, stratified=len(kinds) > 2)


def _load_real(spec: DatasetSpec) -> Dataset:
    """Return measured data; features that never change are left out."""
    bunch = _REAL[spec.name]()
    X, names = bunch.data, bunch.feature_names
    if spec.name == "digits":
        names = [f"pixel {i // 8}, {i % 8}" for i in range(X.shape[1])]
    varies = np.ptp(X, axis=0) > 0
    names = [name for name, kept in zip(names, varies, strict=True) if kept]
    stratified = spec.name != "breast cancer"
    return _split(X[:, varies], bunch.target, spec.seed, names, bunch.target_names, stratified)


def _split(
    X: NDArray[np.float64],
    y: NDArray[np.int64],
    seed: int,
    feature_names: Iterable[str],
    class_names: Iterable[str],
    stratified: bool = False,
    test: NDArray[np.bool_] | None = None,
    encoding: Encoding | None = None,
) -> Dataset:
    """Split and standardise; a stratified split has each class in both parts.

    The plain split is the tutorial's and stays as it is; two large classes need no more. `test`
    (n,) says which rows are for testing where that is decided already.
    """
    if test is None:
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=TEST_SHARE, random_state=seed, stratify=y if stratified else None
        )
    else:
        X_train, X_test, y_train, y_test = X[~test], X[test], y[~test], y[test]
    scaler = StandardScaler().fit(X_train)
    names = tuple(str(name) for name in feature_names)
    return Dataset(
        scaler.transform(X_train),
        y_train.astype(np.int64),
        scaler.transform(X_test),
        y_test.astype(np.int64),
        names,
        tuple(str(name) for name in class_names),
        (encoding or Encoding.of_numbers(names)).rescale(scaler.mean_, scaler.scale_),
    )


# X (n, d) and y (n,).
_Samples = tuple[NDArray[np.float64], NDArray[np.int64]]


def _hide(flat: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """Hide 2-D points (n, 2) in `N_FEATURES` dimensions: add noise dimensions, rotate.

    The noise is half as wide as the shape, so that the plane of the shape is the one of
    largest spread and a random plane sees little of it.
    """
    flat = (flat - flat.mean(0)) / flat.std(0)
    noise = generator.normal(scale=0.5, size=(len(flat), N_FEATURES - 2))
    rotation = special_ortho_group.rvs(N_FEATURES, random_state=generator)
    return np.hstack([flat, noise]) @ rotation


def _moons(generator: np.random.Generator) -> _Samples:
    return make_moons(N_SAMPLES, noise=0.2, random_state=int(generator.integers(2**31)))


def _rings(generator: np.random.Generator) -> _Samples:
    """Four rings around one centre; the class changes from ring to ring."""
    ring = generator.integers(4, size=N_SAMPLES)
    angle = generator.uniform(0, 2 * np.pi, N_SAMPLES)
    radius = 0.4 + ring + generator.normal(scale=0.18, size=N_SAMPLES)
    return radius[:, None] * np.c_[np.cos(angle), np.sin(angle)], ring % 2


def _spirals(generator: np.random.Generator, n_classes: int) -> _Samples:
    """One arm per class; each winds once and a half around the others."""
    y = generator.integers(n_classes, size=N_SAMPLES)
    turn = np.sqrt(generator.uniform(0.02, 1, N_SAMPLES)) * 3 * np.pi
    angle = turn + 2 * np.pi * y / n_classes
    flat = turn[:, None] * np.c_[np.cos(angle), np.sin(angle)] / 3
    # More arms lie closer to each other: the blur shrinks with the gap.
    return flat + generator.normal(scale=0.36 / n_classes, size=flat.shape), y


def _blobs(generator: np.random.Generator, n_classes: int) -> _Samples:
    """Two round clouds per class, their centres and widths drawn in all dimensions (n, 20).

    Some classes are nearer to each other than the rest, which is what soft targets tell.
    """
    centres = generator.normal(scale=_APART, size=(n_classes, 2, N_FEATURES))
    width = generator.uniform(0.7, 1.3, (n_classes, 2))
    y, part = generator.integers(n_classes, size=N_SAMPLES), generator.integers(2, size=N_SAMPLES)
    noise = generator.normal(size=(N_SAMPLES, N_FEATURES))
    return centres[y, part] + width[y, part, None] * noise, y


def _checkerboard(generator: np.random.Generator) -> _Samples:
    """Four by four squares; a tenth of a square of blur at the edges."""
    flat = generator.uniform(-2, 2, (N_SAMPLES, 2))
    y = (np.floor(flat).sum(1) % 2).astype(np.int64)
    return flat + generator.normal(scale=0.1, size=flat.shape), y


_FLAT = {"moons": _moons, "rings": _rings, "checkerboard": _checkerboard}

_REAL = {"breast cancer": load_breast_cancer, "wine": load_wine, "digits": load_digits}
# Data whose features were measured, in units of their own.
MEASURED = (*_REAL, "upload")
