"""The peers of the stacked training, each in its best fair form; same data, same steps.

`notebook.py` holds the tutorial's loop. Here are `torch.func.vmap` over one module, JAX's
vmap and scan (if JAX is installed) and scikit-learn's MLPClassifier.
"""

import functools
import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F

from benchmarks.notebook import teacher_network
from distill_core.geometry.problems import Problem
from distill_core.specs import Schedule

HAS_JAX = importlib.util.find_spec("jax") is not None

Array = NDArray[Any]


def vmap_teachers(problem: Problem, schedule: Schedule, n_members: int, seed: int) -> Tensor:
    """Train teachers by `torch.func.vmap` of grad; return their test logits (k, n, n_classes)."""
    torch.manual_seed(seed)
    X, y = problem.X_train, problem.y_train
    networks = [teacher_network(X.shape[1], 2) for _ in range(n_members)]
    parameters, buffers = stack_module_state(networks)
    base = networks[0]

    def loss(p: dict[str, Tensor], b: dict[str, Tensor], x: Tensor, t: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(base, (p, b), (x,)), t)

    gradient = vmap(grad(loss), randomness="different")
    optimiser = torch.optim.Adam(parameters.values(), lr=schedule.learning_rate, fused=True)
    for _ in range(schedule.epochs):
        order = torch.stack([torch.randperm(len(X)) for _ in range(n_members)])
        for batch in order.split(schedule.batch_size, dim=1):
            found = gradient(parameters, buffers, X[batch], y[batch])
            for name, parameter in parameters.items():
                parameter.grad = found[name]
            optimiser.step()
    base.eval()
    with torch.no_grad():
        return vmap(lambda p, b: functional_call(base, (p, b), (problem.X_test,)))(
            parameters, buffers
        )


def sklearn_teachers(problem: Problem, schedule: Schedule, n_members: int, seed: int) -> Array:
    """Train scikit-learn's networks, which have no dropout; return summed log odds, (n,)."""
    total: Array = np.zeros(len(problem.X_test))
    for member in range(n_members):
        network = _sklearn((256, 128, 64), schedule, 1000 * seed + member)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            network.fit(problem.X_train.numpy(), problem.y_train.numpy())
        proba = np.clip(network.predict_proba(problem.X_test.numpy()), 1e-7, 1)
        total = total + np.log(proba[:, 1] / proba[:, 0])
    return total


def sklearn_student(problem: Problem, schedule: Schedule, seed: int) -> Array:
    """Train one 64-32 network on hard labels; return test labels."""
    network = _sklearn((64, 32), schedule, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(problem.X_train.numpy(), problem.y_train.numpy())
    labels: Array = network.predict(problem.X_test.numpy())
    return labels


def _sklearn(hidden: tuple[int, ...], schedule: Schedule, seed: int) -> MLPClassifier:
    # tol = 0 and no early stopping: exactly as many steps as the others.
    return MLPClassifier(
        hidden,
        batch_size=schedule.batch_size,
        learning_rate_init=schedule.learning_rate,
        max_iter=schedule.epochs,
        n_iter_no_change=10_000,
        tol=0.0,
        alpha=0.0,
        random_state=seed,
    )


@functools.cache
def _jax_training(
    sizes: tuple[int, ...], schedule: Schedule, dropout: float, temperature: float, alpha: float
) -> Callable[..., Any]:
    """Compile the training of k networks: vmap over networks, scan over steps, one call."""
    import jax
    import jax.numpy as jnp

    def logits(parameters: Any, x: Any, key: Any) -> Any:
        last = len(parameters) - 1
        for level, (weight, bias) in enumerate(parameters):
            x = x @ weight + bias
            if level < last:
                x = jax.nn.relu(x)
                if dropout and level < 2:
                    key, now = jax.random.split(key)
                    # Bits are cheaper than uniform numbers: the same rounding to 1/256.
                    bits = jax.random.bits(now, x.shape, jnp.uint8)
                    threshold = round(256 * dropout)
                    x = jnp.where(bits >= threshold, x * (256 / (256 - threshold)), 0)
        return x

    def loss(parameters: Any, x: Any, y: Any, q: Any, key: Any) -> Any:
        z = logits(parameters, x, key)
        hard = -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1).mean()
        if alpha == 0:
            return hard
        soft = (q * (jnp.log(q) - jax.nn.log_softmax(z / temperature))).sum(-1).mean()
        return alpha * temperature**2 * soft + (1 - alpha) * hard

    def train(key: Any, X: Any, y: Any, q: Any) -> Any:
        n, steps = len(X), len(X) // schedule.batch_size
        key, now = jax.random.split(key)
        keys = jax.random.split(now, len(sizes) - 1)
        parameters = [
            (
                jax.random.uniform(k, (i, o), minval=-(i**-0.5), maxval=i**-0.5),
                jnp.zeros(o),
            )
            for k, i, o in zip(keys, sizes[:-1], sizes[1:], strict=True)
        ]
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        n_steps = schedule.epochs * steps

        def step(state: Any, batch: Any) -> Any:
            parameters, mean, square, count, key = state
            key, now = jax.random.split(key)
            g = jax.grad(loss)(parameters, X[batch], y[batch], q[batch], now)
            count = count + 1
            mean = jax.tree.map(lambda m, d: 0.9 * m + 0.1 * d, mean, g)
            square = jax.tree.map(lambda s, d: 0.999 * s + 0.001 * d * d, square, g)
            rate: Any = schedule.learning_rate
            if schedule.shape == "one-cycle":
                share = count / n_steps
                fall = 0.5 * (1 + jnp.cos(jnp.pi * (share - 0.3) / 0.7))
                rate = rate * jnp.where(share < 0.3, share / 0.3, fall)
            c1, c2 = 1 - 0.9**count, 1 - 0.999**count
            parameters = jax.tree.map(
                lambda p, m, s: p - rate * (m / c1) / (jnp.sqrt(s / c2) + 1e-8),
                parameters,
                mean,
                square,
            )
            return (parameters, mean, square, count, key), None

        key, now = jax.random.split(key)
        orders = jax.vmap(lambda k: jax.random.permutation(k, n))(
            jax.random.split(now, schedule.epochs)
        )
        batches = orders[:, : steps * schedule.batch_size].reshape(n_steps, schedule.batch_size)
        state, _ = jax.lax.scan(step, (parameters, zeros, zeros, 0.0, key), batches)
        return state[0]

    def answer(parameters: Any, X: Any) -> Any:
        for level, (weight, bias) in enumerate(parameters):
            X = X @ weight + bias
            X = jax.nn.relu(X) if level < len(parameters) - 1 else X
        return X

    def run(keys: Any, X: Any, y: Any, q: Any, X_test: Any) -> Any:
        return jax.vmap(lambda key: answer(train(key, X, y, q), X_test))(keys)

    return jax.jit(run)


def jax_networks(
    problem: Problem,
    schedule: Schedule,
    n_networks: int,
    seed: int,
    *,
    hidden: tuple[int, ...],
    dropout: float = 0.0,
    targets: Tensor | None = None,
    temperature: float = 1.0,
    alpha: float = 0.0,
) -> Array:
    """Train networks with JAX, compiled once per shape; return test logits (k, n, n_classes).

    The last, smaller batch of each epoch is dropped, which makes JAX's part a little shorter.
    """
    import jax

    sizes = (problem.X_train.shape[1], *hidden, 2)
    run = _jax_training(sizes, schedule, dropout, temperature, alpha)
    # The fastest of JAX's generators here; the default one takes a large part of the time.
    keys = jax.random.split(jax.random.key(seed, impl="unsafe_rbg"), n_networks)
    X, y = problem.X_train.numpy(), problem.y_train.numpy()
    q = np.ones((len(X), 2), np.float32) if targets is None else targets.numpy()
    return np.asarray(run(keys, X, y, q, problem.X_test.numpy()))
