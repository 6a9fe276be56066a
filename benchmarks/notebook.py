"""The tutorial's loop, written plainly: what the stacked training is compared with.

One `torch.nn.Sequential` after another, autograd, `torch.optim.Adam`, a `DataLoader`. Nothing
from `distill_core`, so that it can serve as an independent reference.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset


def teacher_network(n_features: int, n_classes: int) -> nn.Sequential:
    """Return 256-128-64 with ReLU, dropout .3 after the first two hidden layers."""
    return nn.Sequential(
        nn.Linear(n_features, 256),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, n_classes),
    )


def student_network(n_features: int, n_classes: int) -> nn.Sequential:
    """Return 64-32 with ReLU."""
    return nn.Sequential(
        nn.Linear(n_features, 64),
        nn.ReLU(),
        nn.Linear(64, 32),
        nn.ReLU(),
        nn.Linear(32, n_classes),
    )


def train_teachers(
    X: Tensor, y: Tensor, *, n_members: int = 12, epochs: int = 30, seed: int = 0
) -> list[nn.Sequential]:
    """Train teachers one after another on hard labels; Adam 1e-3, batches of 64.

    Parameters
    ----------
    X : Tensor of shape (n, d), float32
        Features.
    y : Tensor of shape (n,), int64
        Labels counted from 0.
    n_members, epochs, seed : int
        How many, how long, and where the random numbers start.
    """
    torch.manual_seed(seed)
    batches = DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True)
    teachers = []
    for _ in range(n_members):
        network = teacher_network(X.shape[1], int(y.max()) + 1)
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
        network.train()
        for _ in range(epochs):
            for batch_X, batch_y in batches:
                optimiser.zero_grad()
                F.cross_entropy(network(batch_X), batch_y).backward()
                optimiser.step()
        teachers.append(network.eval())
    return teachers


@torch.no_grad()
def ensemble_logits(teachers: Sequence[nn.Sequential], X: Tensor) -> Tensor:
    """Return the teachers' mean logits, shape (n, n_classes)."""
    return torch.stack([teacher(X) for teacher in teachers]).mean(0)


def train_student(
    X: Tensor,
    y: Tensor,
    teacher_logits: Tensor,
    *,
    temperature: float = 3.0,
    alpha: float = 0.7,
    epochs: int = 50,
    seed: int = 0,
) -> nn.Sequential:
    """Train one student; Adam 1e-3 with weight decay 1e-4, batches of 64.

    The loss is `alpha T² KL(ensemble ‖ student) + (1 - alpha) CE`, both softened by T in the
    first part: `alpha` weighs the ensemble, and alpha = 0 is the hard-label baseline.

    Parameters
    ----------
    X : Tensor of shape (n, d), float32
        Features.
    y : Tensor of shape (n,), int64
        Labels counted from 0.
    teacher_logits : Tensor of shape (n, n_classes)
        The ensemble's logits for X.
    temperature, alpha : float
        T > 0; alpha from 0 to 1.
    epochs, seed : int
        How long, and where the random numbers start.
    """
    torch.manual_seed(seed)
    batches = DataLoader(TensorDataset(X, y, teacher_logits), batch_size=64, shuffle=True)
    network = student_network(X.shape[1], teacher_logits.shape[1])
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=1e-4)
    for _ in range(epochs):
        for batch_X, batch_y, batch_logits in batches:
            logits = network(batch_X)
            soft = F.kl_div(
                F.log_softmax(logits / temperature, dim=-1),
                F.softmax(batch_logits / temperature, dim=-1),
                reduction="batchmean",
            )
            hard = F.cross_entropy(logits, batch_y)
            optimiser.zero_grad()
            (alpha * temperature**2 * soft + (1 - alpha) * hard).backward()
            optimiser.step()
    return network.eval()
