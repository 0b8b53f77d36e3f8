"""Do polynomials, waves and greatest lines train as bends, and may they take the place of GELU in a trained network?"""

import torch
from torch import nn
from torch.nn import functional as F

from unbend.activations import (
    GELU,
    FourierActivation,
    HermiteActivation,
    ReLU,
    TropicalActivation,
    fit_activation,
)
from unbend.data import Dataset
from unbend.models import small_mlp
from unbend.study import ACCURACY, LOSS, MS_PER_STEP, Arm, Claim, Metric, Steps, Study, classify
from unbend.surgery import swap

BEFORE = Metric("before", "higher", worst=0.0)
# Where the numbers before a bend lie in a network with layer norms.
INNER = (-4.0, 4.0)


def pretrained(make: Arm, data: Dataset, width: int) -> nn.Module:
    """A network trained with GELU, whose bends are then swapped for what the arm makes."""
    model = small_mlp(GELU, data, width)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    x, y = data.train
    for rows in torch.randint(len(x), (400, 64)):
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model, _ = swap(model, {GELU: make()})
    model.before = torch.tensor(_accuracy(model, data), dtype=torch.float64)
    return model


def before(model: nn.Module, data: Dataset) -> dict[str, float]:
    """The accuracy between the swap and the fine-tuning."""
    return {"before": float(model.before)}  # pyright: ignore[reportArgumentType] - a tensor, set by `pretrained`


@torch.no_grad()
def _accuracy(model: nn.Module, data: Dataset) -> float:
    x, y = data.test
    return float((model(x).argmax(-1) == y).double().mean())


def fitted(basis: type[nn.Module], degree: int) -> nn.Module:
    """A basis fitted to GELU."""
    return fit_activation(basis(degree), F.gelu, interval=INNER, starts=4)


main = Study(
    name="torchortho",
    question="Do Hermite, Fourier and tropical bends train as well as GELU from the variance-keeping start?",
    data=["digits", "mnist5k"],
    arms={
        "hermite": HermiteActivation,
        "fourier": FourierActivation,
        "tropical": TropicalActivation,
        "gelu": GELU,
        "relu": ReLU,
        "identity": nn.Identity,
    },
    trial=classify(small_mlp, width=32),
    budget=Steps(400),
    claims=[
        Claim("hermite is at least as accurate as gelu", "accuracy", "hermite", ">=", "gelu", margin=0.01),
        Claim("fourier is at least as accurate as gelu", "accuracy", "fourier", ">=", "gelu", margin=0.01),
        Claim("tropical is at least as accurate as gelu", "accuracy", "tropical", ">=", "gelu", margin=0.01),
        Claim("hermite is more accurate than no bend", "accuracy", "hermite", ">", "identity", margin=0.01),
    ],
    metrics=(ACCURACY, LOSS, MS_PER_STEP),
    minutes=5,
    paper="torchortho",
    reference="gelu",
    baselines=("gelu", "relu"),
    notes="The paper trains ConvNeXt on ImageNet and GPT-2 on OpenWebText without clamping, at or above GELU. Here a "
    "residual network of two blocks with layer norms. A cell that leaves the numbers counts as accuracy 0.",
)

swapped = Study(
    name="torchortho-swap",
    question="Can fitted polynomials and waves take the place of GELU in a trained network?",
    data=["digits"],
    arms={
        "gelu": GELU,
        "hermite": Arm(fitted, {"basis": HermiteActivation, "degree": 8}),
        "hermite-unfitted": Arm(HermiteActivation, {"degree": 8}),
        "fourier": Arm(fitted, {"basis": FourierActivation, "degree": 6}),
    },
    trial=classify(pretrained, width=32, probe=before),
    budget=Steps(100),
    claims=[
        Claim("fitted hermite keeps the accuracy", "accuracy", "hermite", ">=", "gelu", margin=0.01),
        Claim("fitted fourier keeps the accuracy", "accuracy", "fourier", ">=", "gelu", margin=0.01),
        Claim("before fine-tuning hermite loses little", "before", "hermite", ">=", "gelu", margin=0.05),
        Claim("the fit matters", "before", "hermite", ">", "hermite-unfitted", margin=0.05),
    ],
    metrics=(ACCURACY, BEFORE, LOSS),
    minutes=5,
    paper="torchortho",
    reference="gelu",
    baselines=("gelu", "hermite-unfitted"),
    notes="Four hundred steps with GELU, the swap, then a hundred steps. `before` is the accuracy just after the swap. "
    "Fitted on [-4, 4] in value and slope, where the authors take [-sqrt(d), sqrt(d)] for Hermite and [-2 d, 2 d] for "
    "Fourier: what comes before a bend here has a spread near to 1.",
)
