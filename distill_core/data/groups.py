"""Rows that belong together, equal ones and those of one person: on one side of a split."""

import numpy as np
from numpy.typing import NDArray

from distill_core.data import traps
from distill_core.data.labels import name_values
from distill_core.data.sheets import Column, Sheet, UploadError


def group_rows(
    sheet: Sheet,
    group: Column | None,
    X: NDArray[np.float32],
    y: NDArray[np.int64],
    kept: NDArray[np.bool_],
) -> tuple[NDArray[np.int64] | None, list[str]]:
    """Return which rows belong together, (n,), or None, and what is said about it.

    Raises UploadError when all rows of one class are one group.
    """
    said = []
    equal = traps.find_equal_rows(X)
    n_again = len(equal) - len(np.unique(equal))
    if n_again:
        said.append(
            f"{n_again:,} of the {len(y):,} rows have the same features as another row. Equal "
            "rows are all for training or all for testing."
        )
    groups = equal if n_again else None
    if group is not None:
        _, codes = name_values(group)
        mine = codes[kept]
        # Rows without a group are groups of their own.
        alone = mine < 0
        mine[alone] = mine.max(initial=-1) + 1 + np.arange(int(alone.sum()))
        # Equal rows join the groups that they stand in: the smallest number reaches all of them.
        groups = _join_groups(mine, equal) if n_again else mine
        said.append(
            f"The rows of one value of {group.name!r} stay together: all for training, or all for "
            f"testing ({len(np.unique(groups)):,} groups)."
        )
    elif named := [c.name for c in sheet.columns if traps.may_name_groups(c)]:
        said.append(
            f"{named[0]!r} may say whose row it is, several rows each. If so, choose it as the "
            "group: else a model is tested on those it has learned from."
        )
    if groups is not None:
        for label in np.unique(y):
            if len(np.unique(groups[y == label])) < 2:
                raise UploadError(
                    "All rows of one class belong together, because they are equal or of one "
                    "group: none could be for testing. Leave this class out, or choose other "
                    "features or another group."
                )
    return groups, said


def _join_groups(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return groups (n,) in which rows are together that are in a or in b, or through others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n_a, n_b = int(a.max()) + 1, int(b.max()) + 1
    graph = coo_array((np.ones(len(a)), (a, n_a + b)), shape=(n_a + n_b, n_a + n_b))
    return connected_components(graph, directed=False)[1][a].astype(np.int64)


def split_groups(
    y: NDArray[np.int64], groups: NDArray[np.int64], share: float, seed: int
) -> NDArray[np.bool_]:
    """Return which rows are for testing, (n,): whole groups, about a share of every class.

    Groups come in random order; one goes to the test rows when the class that it has most of has
    fewer there than its share. Scikit-learn's `StratifiedGroupKFold` does much the same, but
    takes seconds for tens of thousands of groups.
    """
    n_classes = int(y.max()) + 1
    groups = np.unique(groups, return_inverse=True)[1]
    n_groups = int(groups.max()) + 1
    counts = np.zeros((n_groups, n_classes), dtype=np.int64)
    np.add.at(counts, (groups, y), 1)
    main, size = counts.argmax(1), counts.sum(1)
    taken = np.zeros(n_groups, dtype=bool)
    order = np.random.default_rng(seed).permutation(n_groups)
    for label in range(n_classes):
        mine = order[main[order] == label]
        wanted = share * size[mine].sum()
        # The first groups up to the share, and at least one, but never all.
        before = np.cumsum(size[mine]) - size[mine]
        chosen = mine[before + size[mine] / 2 <= wanted]
        chosen = chosen if len(chosen) else mine[:1]
        taken[chosen[: max(0, len(mine) - 1)]] = True
    return taken[groups]
