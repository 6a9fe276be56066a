import numpy as np
import pytest
import torch
from scipy.stats import kstest

from distill_core.geometry.planes import Plane
from distill_core.learning import networks
from distill_core.learning.networks import Stack

SHAPES = [(2, 8, 2), (20, 16, 8, 2), (5, 1, 3), (7, 3, 1, 1, 2), (30, 2)]


def generators(*seeds):
    return [np.random.default_rng(seed) for seed in seeds]


def a_stack(k=3, sizes=(5, 16, 8, 3)):
    return Stack.initialised(generators(*range(k)), sizes)


@pytest.mark.parametrize("sizes", SHAPES)
def test_stacked_logits_equal_separate_sequential_networks(sizes, as_sequential):
    stack = a_stack(4, sizes)
    X = torch.randn(50, sizes[0], generator=torch.Generator().manual_seed(0))
    logits = stack.logits(X)
    assert logits.shape == (4, 50, sizes[-1])
    for member in range(4):
        expected = as_sequential(stack, member)(X).detach()
        torch.testing.assert_close(logits[member], expected, rtol=1e-5, atol=1e-6)


def test_every_network_may_have_inputs_of_its_own(as_sequential):
    stack = a_stack()
    X = torch.randn(3, 50, 5, generator=torch.Generator().manual_seed(0))
    for member in range(3):
        expected = as_sequential(stack, member)(X[member]).detach()
        torch.testing.assert_close(stack.logits(X)[member], expected, rtol=1e-5, atol=1e-6)


def test_logits_leave_the_inputs_and_the_parameters_alone():
    stack = a_stack()
    X = torch.randn(50, 5, generator=torch.Generator().manual_seed(0))
    inputs, parameters = X.clone(), stack.flat.clone()
    stack.logits(X)
    assert torch.equal(X, inputs)
    assert torch.equal(stack.flat, parameters)


@pytest.mark.parametrize("sizes", SHAPES)
def test_on_plane_equals_lifting_and_then_evaluating(sizes):
    stack = a_stack(3, sizes)
    generator = np.random.default_rng(0)
    plane = Plane.spanned_by(generator.normal(size=sizes[0]), generator.normal(size=(2, sizes[0])))
    uv = generator.uniform(-5, 5, (300, 2))
    seen = stack.on_plane(plane.origin, plane.basis)
    assert seen.sizes == (2, *sizes[1:])
    got = seen.logits(torch.tensor(uv, dtype=torch.float32))
    expected = stack.logits(torch.tensor(plane.lift(uv), dtype=torch.float32))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


# Memory


@pytest.mark.parametrize("sizes", SHAPES)
def test_all_parameters_lie_in_flat_memory_in_order(sizes):
    stack = a_stack(3, sizes)
    parts = [tensor.reshape(3, -1) for layer in stack.layers() for tensor in layer]
    in_order = torch.cat(parts, 1)
    assert in_order.shape == (3, stack.n_parameters)
    assert torch.equal(stack.flat[:, : stack.n_parameters], in_order)
    assert not stack.flat[:, stack.n_parameters :].any()
    stack.flat.zero_()
    assert not any(tensor.any() for layer in stack.layers() for tensor in layer)


def test_shapes_say_members_then_inputs_then_outputs():
    stack = a_stack()
    assert (stack.k, stack.sizes) == (3, (5, 16, 8, 3))
    assert [tuple(w.shape) for w in stack.weights] == [(3, 5, 16), (3, 16, 8), (3, 8, 3)]
    assert [tuple(b.shape) for b in stack.biases] == [(3, 1, 16), (3, 1, 8), (3, 1, 3)]


@pytest.mark.parametrize(
    ("sizes", "count"), [((20, 256, 128, 64, 2), 46_658), ((20, 64, 32, 2), 3_490), ((2, 1, 2), 7)]
)
def test_parameters_are_counted_as_torch_counts_them(sizes, count, as_sequential):
    stack = Stack.empty(2, sizes)
    assert stack.n_parameters == networks.n_parameters(sizes) == count
    assert sum(p.numel() for p in as_sequential(stack, 1).parameters()) == count


def test_members_are_copies_in_the_order_asked_for():
    stack = a_stack(4)
    chosen = stack.members([2, 0, 2])
    assert chosen.k == 3
    for got, whole in zip(chosen.blocks, stack.blocks, strict=True):
        assert torch.equal(got, whole[[2, 0, 2]])
    chosen.flat.zero_()
    assert stack.flat.any()


def test_joined_stacks_hold_all_members_in_order():
    stack = a_stack(5)
    joined = Stack.joined([stack.members([0, 1]), stack.members([2]), stack.members([3, 4])])
    assert torch.equal(joined.flat, stack.flat)


def test_a_clone_has_the_same_values_and_memory_of_its_own():
    stack = a_stack()
    copy = stack.clone()
    assert torch.equal(copy.flat, stack.flat)
    copy.weights[1].zero_()
    assert stack.weights[1].any()


@pytest.mark.parametrize("sizes", SHAPES)
def test_arrays_bring_the_stack_back(sizes):
    stack = a_stack(3, sizes)
    arrays = stack.to_arrays()
    assert set(arrays) == {f"{n}{i}" for i in range(len(sizes) - 1) for n in ("weight", "bias")}
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float32)}
    other = {"train_logits": np.zeros(3), "test_labels": np.zeros(2)}
    back = Stack.from_arrays({**other, **arrays})
    assert back.sizes == stack.sizes
    assert torch.equal(back.flat, stack.flat)
    back.flat.zero_()
    assert stack.flat.any()


# Initial weights


def test_an_initialised_network_does_not_depend_on_its_neighbours():
    alone = Stack.initialised(generators(7), (5, 16, 3))
    among = Stack.initialised(generators(1, 7, 2), (5, 16, 3))
    assert torch.equal(among.members([1]).flat, alone.flat)
    assert not torch.equal(among.members([0]).flat, alone.flat)


def test_initial_weights_are_uniform_within_one_over_root_inputs_as_in_torch():
    stack = Stack.initialised(generators(0, 1), (50, 200, 100, 2))
    reference = torch.nn.Linear(50, 200).weight.detach().abs().max()
    for weight, bias in stack.layers():
        bound = 1 / np.sqrt(weight.shape[1])
        drawn = torch.cat([weight.reshape(-1), bias.reshape(-1)]).numpy()
        assert np.abs(drawn).max() <= bound * (1 + 1e-6)
        assert kstest(drawn, "uniform", (-bound, 2 * bound)).pvalue > 1e-3
    # The bound is the one of torch.nn.Linear, and biases are drawn too.
    assert 0.99 / np.sqrt(50) < float(reference) <= 1 / np.sqrt(50)
    assert stack.biases[0].abs().max() > 0.9 / np.sqrt(50)


def test_answers_do_not_depend_on_the_threads_of_a_process(python, monkeypatch):
    code = """
import hashlib
import numpy as np, torch
from distill_core.learning.networks import Stack
generators = [np.random.Generator(np.random.SFC64(i)) for i in range(3)]
X = torch.from_numpy(np.random.default_rng(0).normal(size=(4000, 20)).astype(np.float32))
logits = Stack.initialised(generators, (20, 256, 128, 64, 2)).logits(X)
print(hashlib.sha256(logits.numpy().tobytes()).hexdigest())
"""
    printed = set()
    for n_threads in "12":
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", n_threads)
        printed.add(python(code))
    assert len(printed) == 1
