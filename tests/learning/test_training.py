import itertools
import math

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info
from torch.nn import functional as F

from distill_core.geometry.problems import load_problem
from distill_core.learning import training
from distill_core.learning.backprop import Backprop
from distill_core.learning.batches import DROPOUT, INIT, ORDER, draw_kept_units, make_generator
from distill_core.learning.losses import LogitGradient, constant_part, distillation_loss
from distill_core.learning.networks import Stack, with_ones
from distill_core.learning.training import TrainingDivergedError, fit_ensemble, fit_students
from distill_core.specs import (
    DEPTHS,
    WIDTHS,
    DatasetSpec,
    EnsembleSpec,
    ProblemSpec,
    Schedule,
    StudentSpec,
)

# 100 samples in batches of 32 leave a last batch of 4.
SCHEDULE = Schedule(epochs=3, batch_size=32, learning_rate=1e-2)
ENSEMBLE = EnsembleSpec(n_members=3, hidden=(16, 8), dropout=0.3, schedule=SCHEDULE, seed=4)


def some_data(n=100, d=5, n_classes=2):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(n, d, generator=generator)
    y = (X @ torch.randn(d, n_classes, generator=generator)).argmax(1)
    return X, y


def some_students(n=4, **settings):
    """Students with all kinds of T and alpha, two with each seed."""
    settings = {"width": 16, "schedule": SCHEDULE, "ensemble": ENSEMBLE, **settings}
    kinds = itertools.cycle([(3.0, 0.7), (3.0, 0.0), (20.0, 1.0), (1.0, 0.3)])
    return [
        StudentSpec(temperature=t, alpha=a, seed=i // 2, **settings)
        for i, (t, a) in zip(range(n), kinds, strict=False)
    ]


def some_teachers(n=100, n_classes=2):
    return 3 * torch.randn(3, n, n_classes, generator=torch.Generator().manual_seed(1))


def equal_bits(one, other):
    return one.flat.numpy().tobytes() == other.flat.numpy().tobytes()


# Against separate networks


class FixedDropout(torch.nn.Module):
    """Dropout whose mask is given from outside."""

    def forward(self, x):
        return x * self.kept * self.scale


def threshold(rate):
    """How many of the 256 values of a random byte drop a unit."""
    return round(256 * rate)


def kept_units(generator, widths, n, dropped):
    """What dropout keeps of one network's units: `training`'s, without the column of ones."""
    return [kept[0, :, :-1] for kept in draw_kept_units([generator], widths, n, dropped)]


def trained_alone(network, X, losses_of, order, schedule, *, dropouts=(), masks=None, rate=0.0):
    """Train one `torch.nn.Sequential` with autograd and `torch.optim.Adam`.

    `dropouts` are its `FixedDropout` modules; `masks(n)` draws what they keep of n samples.
    """
    optimiser = torch.optim.Adam(network.parameters(), weight_decay=schedule.weight_decay)
    n_steps = schedule.epochs * math.ceil(len(X) / schedule.batch_size)
    rates = training.learning_rates(schedule, n_steps)
    for _ in range(schedule.epochs):
        for batch in torch.from_numpy(order.permutation(len(X))).split(schedule.batch_size):
            for module, kept in zip(dropouts, masks(len(batch)) if dropouts else (), strict=True):
                module.kept, module.scale = torch.from_numpy(kept), 256 / (256 - threshold(rate))
            optimiser.param_groups[0]["lr"] = next(rates)
            optimiser.zero_grad()
            losses_of(network(X[batch]), batch).backward()
            optimiser.step()
    return network


def as_torch(stack, member):
    """Return the parameters of one network in the order and shapes of `torch.nn.Linear`."""
    return [p for weight, bias in stack.layers() for p in (weight[member].T, bias[member, 0])]


def assert_same_network(stack, member, network, tolerance):
    for got, expected in zip(as_torch(stack, member), network.parameters(), strict=True):
        torch.testing.assert_close(got, expected.detach(), rtol=0, atol=tolerance)


SCHEDULES = [
    SCHEDULE,
    SCHEDULE.replace(shape="constant", learning_rate=3e-3),
    SCHEDULE.replace(weight_decay=0.05),
]
# After 12 steps in 64 bits only rounding may differ: it starts at 1e-16, and Adam's division by
# the root of small second moments enlarges it. In 32 bits it starts at 1e-7. A wrong gradient,
# mask, batch or decay moves weights by about a learning rate, 1e-2.
PRECISIONS = [("double", 1e-12), ("single", 1e-5)]


@pytest.fixture(params=PRECISIONS, ids=[name for name, _ in PRECISIONS])
def tolerance(request):
    name, tolerance = request.param
    if name == "double":
        request.getfixturevalue("double_precision")
    return tolerance


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=["one-cycle", "constant", "weight decay"])
def test_stacked_training_equals_separate_networks(as_sequential, tolerance, schedule, rate):
    X, y = some_data(n_classes=3)
    # Dropout follows the first two of the three hidden layers.
    spec = ENSEMBLE.replace(hidden=(16, 8, 4), dropout=rate, schedule=schedule)
    trained = fit_ensemble(spec, X, y)
    starts = [make_generator(INIT, spec.seed, m) for m in range(3)]
    start = Stack.initialised(starts, (5, 16, 8, 4, 3))
    for member in range(3):
        dropouts = [FixedDropout(), FixedDropout()] if rate else []
        generator = make_generator(DROPOUT, spec.seed, member)
        network = trained_alone(
            as_sequential(start, member, dropouts),
            X,
            lambda z, batch: F.cross_entropy(z, y[batch]),
            make_generator(ORDER, spec.seed, member),
            schedule,
            dropouts=dropouts,
            masks=lambda n, g=generator: kept_units(g, (16, 8), n, threshold(rate)),
            rate=rate,
        )
        assert_same_network(trained, member, network, tolerance)
        for module in dropouts:
            module.kept, module.scale = 1, 1
        torch.testing.assert_close(
            trained.logits(X)[member], network(X).detach(), rtol=0, atol=10 * tolerance
        )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=["one-cycle", "constant", "weight decay"])
def test_stacked_training_equals_separate_networks_for_students(
    as_sequential, tolerance, schedule, n_classes
):
    X, y = some_data(n_classes=n_classes)
    teachers = some_teachers(n_classes=n_classes)
    specs = some_students(schedule=schedule)
    trained = fit_students(specs, X, y, teachers)
    starts = [make_generator(INIT, spec.seed) for spec in specs]
    start = Stack.initialised(starts, (5, 16, 8, n_classes))
    for member, spec in enumerate(specs):
        t, alpha = spec.temperature, spec.alpha
        q = F.softmax(teachers.mean(0) / t, 1)

        def loss(z, batch, q=q, t=t, alpha=alpha):
            soft = F.kl_div(F.log_softmax(z / t, 1), q[batch], reduction="batchmean")
            return alpha * t**2 * soft + (1 - alpha) * F.cross_entropy(z, y[batch])

        order = make_generator(ORDER, spec.seed)
        network = trained_alone(as_sequential(start, member), X, loss, order, schedule)
        assert_same_network(trained, member, network, tolerance)
        torch.testing.assert_close(
            trained.logits(X)[member], network(X).detach(), rtol=0, atol=10 * tolerance
        )


def write_gradient(stack, grad, temperature, alpha, X, constant, kept=(), scale=1.0):
    """Write the hand-written gradient of `stack` at X into `grad`, as a training step does."""
    network = Backprop(stack, grad, len(X), n_dropped=len(kept), scale=scale)
    logits = network.forward(with_ones(X)[None], kept)
    logit_gradient = LogitGradient(temperature, alpha, logits.shape, scale ** len(kept))
    network.backward(with_ones(X)[None], logit_gradient(logits, constant.numpy()))


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("alpha", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 3.0, 20.0])
def test_hand_written_gradient_equals_autograd(as_sequential, temperature, alpha, n_classes):
    X, y = some_data(n_classes=n_classes)
    q = F.softmax(some_teachers(n_classes=n_classes).mean(0) / temperature, 1)
    sizes = (5, 16, 8, 1, n_classes)
    stack = Stack.initialised([np.random.default_rng(m) for m in range(3)], sizes)
    stack.flat.mul_(2)
    grad = Stack.empty(3, sizes)
    constant = constant_part(q, y, temperature, alpha).T.expand(3, n_classes, len(X))
    of_each = torch.full((3,), temperature), torch.full((3,), alpha)
    write_gradient(stack, grad, *of_each, X, constant)
    for member in range(3):
        network = as_sequential(stack, member)
        distillation_loss(network(X)[None], q, y, temperature, alpha).sum().backward()
        for got, parameter in zip(as_torch(grad, member), network.parameters(), strict=True):
            torch.testing.assert_close(got, parameter.grad, rtol=1e-5, atol=1e-5)
    # Not equal because both are nothing.
    assert grad.flat.abs().max() > 1e-2


def test_hand_written_gradient_equals_autograd_under_dropout(as_sequential, double_precision):
    X, y = some_data(n_classes=3)
    sizes = (5, 16, 8, 4, 3)
    stack = Stack.initialised([np.random.default_rng(m) for m in range(2)], sizes)
    scale = 256 / 156
    generators = [np.random.default_rng(m) for m in range(2)]
    kept = draw_kept_units(generators, (16, 8), len(X), 100)
    grad = Stack.empty(2, sizes)
    labels = F.one_hot(y, 3).to(X.dtype).T.expand(2, 3, len(X))
    write_gradient(stack, grad, torch.ones(2), torch.zeros(2), X, labels, kept, scale)
    for member in range(2):
        dropouts = [FixedDropout(), FixedDropout()]
        for module, units in zip(dropouts, kept, strict=True):
            module.kept, module.scale = torch.from_numpy(units[member, :, :-1]), scale
        network = as_sequential(stack, member, dropouts)
        F.cross_entropy(network(X), y).backward()
        for got, parameter in zip(as_torch(grad, member), network.parameters(), strict=True):
            torch.testing.assert_close(got, parameter.grad, rtol=0, atol=1e-14)


# Independence


@pytest.mark.parametrize(
    ("spec", "d"),
    [
        (ENSEMBLE.replace(n_members=5), 2),
        (ENSEMBLE.replace(n_members=5, hidden=(7,)), 30),
        (ENSEMBLE.replace(n_members=5, hidden=(33, 17, 5)), 20),
        (EnsembleSpec(n_members=5, schedule=SCHEDULE.replace(epochs=1)), 20),
    ],
    ids=["two layers", "one layer", "odd", "default"],
)
def test_teachers_trained_in_parts_and_joined_equal_the_whole_bit_by_bit(spec, d):
    X, y = some_data(d=d)
    whole = fit_ensemble(spec, X, y)
    parts = [fit_ensemble(spec, X, y, members=part) for part in ([0], [1, 2, 3], [4])]
    assert equal_bits(Stack.joined(parts), whole)
    assert equal_bits(fit_ensemble(spec, X, y, members=[3, 1]), whole.members([3, 1]))


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_student_does_not_depend_on_its_company_bit_by_bit(width, depth):
    for d, n_classes in ((2, 2), (20, 3)):
        X, y = some_data(d=d, n_classes=n_classes)
        teachers = some_teachers(n_classes=n_classes)
        specs = some_students(17, width=width, depth=depth)
        many = fit_students(specs, X, y, teachers)
        # A pair has one order of batches for both, the many have several.
        for chosen in ([0, 1], [5], [16, 3, 8]):
            few = fit_students([specs[i] for i in chosen], X, y, teachers)
            assert equal_bits(few, many.members(chosen))
            assert torch.equal(few.logits(X), many.logits(X)[chosen])


@pytest.mark.parametrize("working_set", [1, 30_000, 10**9])
def test_networks_that_take_turns_equal_networks_that_do_not_bit_by_bit(monkeypatch, working_set):
    X, y = some_data()
    specs, teachers = some_students(7), some_teachers()
    together, ensemble = fit_students(specs, X, y, teachers), fit_ensemble(ENSEMBLE, X, y)
    monkeypatch.setattr(training, "_WORKING_SET", working_set)
    assert equal_bits(fit_students(specs, X, y, teachers), together)
    assert equal_bits(fit_ensemble(ENSEMBLE, X, y), ensemble)


def test_training_has_one_thread_whatever_the_process_has():
    X, y = some_data(n=600, d=20)
    specs = some_students(8, width=128, schedule=SCHEDULE.replace(batch_size=512))
    one = fit_students(specs, X, y, some_teachers(n=600))
    seen = set()

    def on_step(done, total, stack):
        seen.update(library["num_threads"] for library in threadpool_info())
        seen.add(torch.get_num_threads())

    torch.set_num_threads(2)
    try:
        two = fit_students(specs, X, y, some_teachers(n=600), on_step=on_step)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert seen == {1}
    assert equal_bits(one, two)


def test_training_twice_gives_the_same_bits():
    X, y = some_data()
    assert equal_bits(fit_ensemble(ENSEMBLE, X, y), fit_ensemble(ENSEMBLE, X, y))
    specs = some_students(width=6)
    one, two = (fit_students(specs, X, y, some_teachers()) for _ in range(2))
    assert equal_bits(one, two)


def test_teachers_differ_from_one_another_and_from_those_of_another_seed():
    X, y = some_data()
    one = fit_ensemble(ENSEMBLE, X, y)
    other = fit_ensemble(ENSEMBLE.replace(seed=5), X, y)
    networks = [stack.members([m]) for stack in (one, other) for m in range(3)]
    for a, b in itertools.combinations(networks, 2):
        assert not torch.allclose(a.flat, b.flat, atol=1e-2)


def test_a_twin_has_the_same_initial_weights_as_its_student():
    X, y = some_data()
    # Steps so small that no weight moves.
    still = SCHEDULE.replace(learning_rate=1e-30)
    student = StudentSpec(width=16, schedule=still, seed=3)
    stack = fit_students([student, student.twin(), student.replace(seed=4)], X, y, some_teachers())
    assert equal_bits(stack.members([0]), stack.members([1]))
    assert not equal_bits(stack.members([0]), stack.members([2]))
    start = Stack.initialised([make_generator(INIT, 3)], stack.sizes)
    assert equal_bits(stack.members([0]), start)


def test_a_twin_learns_from_the_labels_alone():
    X, y = some_data()
    student = StudentSpec(width=16, schedule=SCHEDULE)
    pair = [student, student.twin()]
    one = fit_students(pair, X, y, some_teachers())
    other = fit_students(pair, X, y, -some_teachers())
    assert equal_bits(one.members([1]), other.members([1]))
    assert not torch.allclose(one.members([0]).flat, other.members([0]).flat, atol=1e-2)


def test_the_way_the_ensemble_is_combined_reaches_the_student():
    X, y = some_data()
    one, other = (
        fit_students(some_students(1, ensemble=ENSEMBLE.replace(combine=c)), X, y, some_teachers())
        for c in ("logits", "probabilities")
    )
    assert not torch.allclose(one.flat, other.flat, atol=1e-3)


# What it leads to


def test_training_learns():
    X, y = some_data(n=1000)
    schedule = SCHEDULE.replace(epochs=8)
    ensemble = ENSEMBLE.replace(schedule=schedule)
    teachers = fit_ensemble(ensemble, X, y)
    assert (teachers.logits(X).mean(0).argmax(1) == y).float().mean() > 0.95
    # Students of an ensemble that says the opposite of the labels follow whom alpha says.
    liars = -8 * F.one_hot(y, 2).float().expand(3, -1, -1)
    one = StudentSpec(width=16, alpha=1.0, schedule=schedule)
    answers = fit_students([one, one.twin()], X, y, liars).logits(X).argmax(-1)
    assert (answers[0] != y).float().mean() > 0.95
    assert (answers[1] == y).float().mean() > 0.95


def test_dropout_drops_about_the_right_share():
    generators = [np.random.default_rng(seed) for seed in range(4)]
    kept = draw_kept_units(generators, (256, 128), 500, threshold(0.3))
    assert [units.shape for units in kept] == [(4, 500, 257), (4, 500, 129)]
    for units in kept:
        assert units[..., -1].all()
        for member in units[..., :-1]:
            assert 1 - member.mean() == pytest.approx(0.3, abs=5e-3)
    # Units of one member go independently of each other and of the other members'.
    flat = kept[0][..., :-1].reshape(4, -1).astype(float)
    correlations = np.corrcoef(np.vstack([flat, np.roll(flat[0], 1)]))
    assert np.abs(correlations - np.eye(5)).max() < 0.02


def test_dropout_zeroes_that_share_of_units_in_training(monkeypatch):
    X, y = some_data(n=2000)
    seen = []

    class Watched(Backprop):
        def forward(self, X, kept=()):
            seen.append([units[..., :-1].mean() for units in kept])
            return super().forward(X, kept)

    monkeypatch.setattr(training, "Backprop", Watched)
    fit_ensemble(ENSEMBLE.replace(dropout=0.5), X, y)
    assert np.mean(seen) == pytest.approx(0.5, abs=0.01)
    assert np.array(seen).shape == (3 * 63, 2)
    # New masks at every step.
    assert len({first for first, _ in seen}) > 50


@pytest.mark.parametrize("rate", [0.001, 0.99, 0.9999])
def test_extreme_dropout_rates_train(rate):
    X, y = some_data()
    assert torch.isfinite(fit_ensemble(ENSEMBLE.replace(dropout=rate), X, y).flat).all()


# Schedules


def test_a_constant_schedule_keeps_its_learning_rate():
    schedule = SCHEDULE.replace(shape="constant")
    assert list(training.learning_rates(schedule, 7)) == [schedule.learning_rate] * 7


def test_a_one_cycle_schedule_rises_linearly_and_falls_along_half_a_cosine():
    rates = np.array(list(training.learning_rates(SCHEDULE.replace(learning_rate=0.2), 100)))
    assert len(rates) == 100
    np.testing.assert_allclose(rates[:30], 0.2 * np.arange(1, 31) / 30)
    np.testing.assert_allclose(rates[29:], 0.1 * (1 + np.cos(np.linspace(0, np.pi, 71))), atol=1e-9)
    assert rates.max() == rates[29] == 0.2


@pytest.mark.parametrize("n_steps", [1, 2, 3, 10, 101])
def test_every_step_has_a_learning_rate_within_bounds(n_steps):
    rates = list(training.learning_rates(SCHEDULE, n_steps))
    assert len(rates) == n_steps
    assert all(0 <= rate <= SCHEDULE.learning_rate for rate in rates)


# Watching, stopping, refusing


def test_every_step_is_reported_in_order_with_the_stack_as_it_is():
    X, y = some_data()
    steps, weights = [], []

    def on_step(done, total, stack):
        steps.append((done, total))
        weights.append(stack.flat.clone())

    final = fit_students(some_students(2), X, y, some_teachers(), on_step=on_step)
    assert steps == [(i, 12) for i in range(1, 13)]
    assert torch.equal(weights[-1], final.flat)
    # The last step of a one-cycle schedule has learning rate zero; every other one moves.
    for one, two in itertools.pairwise(weights[:-1]):
        assert not torch.equal(one, two)


def test_networks_that_take_turns_are_equally_far_after_the_first_step_and_each_epoch(monkeypatch):
    X, y = some_data()
    specs, teachers = some_students(5), some_teachers()

    def watched():
        stacks = []
        fit_students(
            specs, X, y, teachers, on_step=lambda *now: stacks.append((*now[:2], now[2].clone()))
        )
        return stacks

    together = watched()
    monkeypatch.setattr(training, "_WORKING_SET", 1)
    in_turns = watched()
    assert [now[:2] for now in in_turns] == [now[:2] for now in together]
    n_steps, n_batches = len(together), len(together) // specs[0].schedule.epochs
    for done in (1, *range(n_batches, n_steps + 1, n_batches)):
        assert equal_bits(in_turns[done - 1][2], together[done - 1][2])
    # Between two epochs some are further than others.
    assert not equal_bits(in_turns[n_batches][2], together[n_batches][2])


def test_on_step_may_stop_the_training():
    X, y = some_data()
    steps = []

    def on_step(done, total, stack):
        steps.append(done)
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_ensemble(ENSEMBLE, X, y, on_step=on_step)
    assert steps == [1, 2, 3, 4, 5]


def test_training_leaves_its_data_alone():
    X, y = some_data()
    teachers = some_teachers()
    copies = X.clone(), y.clone(), teachers.clone()
    fit_ensemble(ENSEMBLE, X, y)
    fit_students(some_students(), X, y, teachers)
    for now, before in zip((X, y, teachers), copies, strict=True):
        assert torch.equal(now, before)


def test_training_that_diverges_says_so_in_a_sentence():
    X, y = some_data()
    wild = SCHEDULE.replace(learning_rate=1, shape="constant")
    with pytest.raises(TrainingDivergedError) as caught:
        fit_ensemble(ENSEMBLE.replace(schedule=wild), X * 1e38, y)
    message = str(caught.value)
    assert message.startswith("Training diverged by step ")
    assert message.endswith("no longer a finite number at learning rate 1.")
    with pytest.raises(TrainingDivergedError, match="learning rate 1"):
        fit_students(some_students(schedule=wild), X * 1e38, y, some_teachers())


@pytest.mark.parametrize(
    "change",
    [
        {"width": 8},
        {"depth": 1},
        {"schedule": SCHEDULE.replace(epochs=4)},
        {"ensemble": ENSEMBLE.replace(combine="probabilities")},
    ],
    ids=["width", "depth", "schedule", "combine"],
)
def test_students_that_do_not_fit_one_stack_are_refused(change):
    X, y = some_data()
    one = some_students(1)[0]
    with pytest.raises(ValueError, match="Students trained in one stack need equal"):
        fit_students([one, one.replace(**change)], X, y, some_teachers())


def test_more_classes_are_learned_not_only_run():
    dataset = DatasetSpec(name="digits")
    spec = EnsembleSpec(
        problem=ProblemSpec(dataset=dataset, plane=None), n_members=2, hidden=(64, 32)
    )
    problem = load_problem(spec.problem)
    stack = training.fit_ensemble(spec, problem.X_train, problem.y_train)
    proba = torch.softmax(stack.logits(problem.X_test), -1).mean(0)
    assert (proba.argmax(1) == problem.y_test).float().mean() > 0.93
