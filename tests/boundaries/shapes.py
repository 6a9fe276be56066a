"""Models whose boundary is known or curly, and what is measured of drawn lines."""

import itertools

import numpy as np
from scipy.spatial import KDTree

from distill_core.geometry.planes import Window
from distill_core.learning.networks import Stack

WINDOW = Window(u=0.3, v=-0.2, half=2.0)
SIDE = 2 * WINDOW.half


def two_class(score):
    """A model whose class 1 is where `score(u, v)` is positive."""
    return lambda uv: np.stack([np.zeros(len(uv)), 0 * uv[:, 0] + score(*uv.T)], axis=1)


def circle(radius, u=0.0, v=0.0):
    return two_class(lambda x, y: (x - u) ** 2 + (y - v) ** 2 - radius**2)


def network(seed, n_classes, hidden=(32, 16), k=1):
    """Random networks, steep enough to have many boundaries in the window."""
    generators = [np.random.default_rng([seed, member]) for member in range(k)]
    stack = Stack.initialised(generators, (2, *hidden, n_classes))
    stack.flat.mul_(4)
    return stack


def waves(seed, n_classes, frequency=1.5):
    """A smooth model with many regions, some as small as a coarse cell."""
    generator = np.random.default_rng(seed)
    direction = generator.normal(scale=frequency, size=(n_classes, 6, 2))
    phase, height = generator.uniform(0, 7, (n_classes, 6)), generator.normal(size=(n_classes, 6))

    def model(uv):
        return (height * np.cos(np.einsum("nd,cwd->ncw", uv, direction) + phase)).sum(-1)

    return model


def sectors(uv):
    """Three classes, each where the point lies most in its direction, bent a little."""
    angles = 2 * np.pi * np.arange(3) / 3 + 0.3
    return 4 * uv @ np.stack([np.cos(angles), np.sin(angles)]) + 0.3 * np.sin(3 * uv[:, :1])


def corner(uv):
    """Three classes that meet in a corner: one boundary is straight, two are bent a lot."""
    x, y = uv.T
    return np.stack([0 * x, 3 * (x - 0.1), np.sinh(40 * (y - 0.4))], axis=1)


def pieces(lines):
    """Split an array of polylines at its NaN rows."""
    gaps = np.flatnonzero(np.isnan(lines[:, 0]))
    parts = np.split(lines, gaps)
    return [part[~np.isnan(part[:, 0])] for part in parts]


def vertices(lines):
    return lines[~np.isnan(lines[:, 0])].astype(float)


def along(lines, step):
    """Points along the lines, not more than a step apart."""
    points = [np.empty((0, 2))]
    for piece in pieces(lines):
        for a, b in itertools.pairwise(piece):
            n = max(2, int(np.hypot(*(b - a)) / step) + 2)
            points.append(a + np.linspace(0, 1, n)[:, None] * (b - a))
    return np.concatenate(points)


def changes(labels, window):
    """Where a dense grid of labels changes from one point to the next, (m, 2)."""
    u, v = window.axes(len(labels))
    rows, columns = np.nonzero(labels[:, 1:] != labels[:, :-1])
    across = np.c_[(u[columns] + u[columns + 1]) / 2, v[rows]]
    rows, columns = np.nonzero(labels[1:] != labels[:-1])
    return np.concatenate([across, np.c_[u[columns], (v[rows] + v[rows + 1]) / 2]])


def label(model, resolution, window=WINDOW):
    """Return the class of each grid point, (resolution, resolution)."""
    return model(window.grid(resolution)).argmax(1).reshape(resolution, resolution)


def compare(lines, labels, window=WINDOW):
    """Return how far each change of label lies from the lines, and each line from a change."""
    drawn, true = along(lines, window.half / len(labels)), changes(labels, window)
    return KDTree(drawn).query(true)[0], KDTree(true).query(drawn)[0]


def areas(rings):
    """Return the signed areas of rings: positive where they run counter-clockwise."""
    parts = [part.astype(float) for part in pieces(rings)]
    return [
        0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
        for x, y in (p.T for p in parts)
    ]
