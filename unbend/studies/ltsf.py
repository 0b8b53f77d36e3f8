"""Does one linear map forecast as well as a transformer, and does it know the order of what it reads?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unbend.data import Dataset
from unbend.models import DLinear, LTSFLinear, LTSFRegressor, NLinear, Transformer
from unbend.study import LOSS, PARAMETERS, Arm, Cell, Claim, Metric, Steps, Study, regress

GROUP = 8  # values in a token of the transformer


class OneSeries(nn.Module):
    """A forecaster of `(b, s, c)` on rows `(b, s)` of one series each."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x[..., None])[..., 0]


class Attentive(nn.Module):
    """A transformer over the past and empty places for the future, whose outputs are read there."""

    def __init__(self, lookback: int, horizon: int, width: int = 32) -> None:
        super().__init__()
        self.ahead = horizon // GROUP
        self.embed = nn.Linear(GROUP, width)
        tokens = lookback // GROUP + self.ahead
        self.body = Transformer(0, width, 2, position="learned", max_length=tokens, causal=False)
        self.read = nn.Linear(width, GROUP)

    def forward(self, x: Tensor) -> Tensor:
        past = x[..., 0].unflatten(1, (-1, GROUP))
        tokens = torch.cat([past, past.new_zeros(len(x), self.ahead, GROUP)], 1)
        return self.read(self.body(self.embed(tokens))[:, -self.ahead :]).flatten(1)[..., None]


class Repeat:
    """What the last `period` values say, again."""

    def __init__(self, period: int) -> None:
        self.period = period

    def fit(self, x: Any, y: Any) -> "Repeat":
        self.horizon = y.shape[1]
        return self

    def predict(self, x: Any) -> Any:
        return x[:, -self.period :].repeat(1, self.horizon // self.period)


def forecaster(make: Arm, data: Dataset, width: int) -> nn.Module:
    return OneSeries(make(data.shape[0], data.outputs))


def shuffled(predict: Callable[[Tensor], Tensor], data: Dataset) -> dict[str, float]:
    """How much larger the test error is, as a ratio less one, when each window's values are put in another order."""
    x, y = data.test
    order = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)).argsort(1)
    with torch.no_grad():
        plain, mixed = (float((predict(z) - y).square().mean()) for z in (x, x.take_along_dim(order, 1)))
    return {"shuffle_rise": mixed / plain - 1}


def probe(model: nn.Module, data: Dataset) -> dict[str, float]:
    return shuffled(lambda x: torch.cat([model(part) for part in x.split(512)]), data)


@dataclass(frozen=True)
class Forecast:
    """Networks are trained as by `regress`; what has `fit` and `predict` is fitted, without a budget."""

    lr: float = 2e-3

    def __call__(self, cell: Cell) -> dict[str, float]:
        if isinstance(cell.arm.make, type) and hasattr(cell.arm.make, "fit"):
            return self._fitted(cell.arm(), cell.data)
        return regress(forecaster, batch=64, lr=self.lr, probe=probe)(cell)

    @staticmethod
    def _fitted(made: Any, data: Dataset) -> dict[str, float]:
        made.fit(*data.train)

        def predict(x: Tensor) -> Tensor:
            return torch.as_tensor(made.predict(x), dtype=torch.float32)

        loss = float((predict(data.test[0]) - data.test[1]).square().mean())
        coefficients = getattr(made, "coef_", None)
        weights = 0 if coefficients is None else coefficients.size + len(coefficients)
        return {"loss": loss, "parameters": weights, **shuffled(predict, data)}


main = Study(
    name="ltsf",
    question="Does one linear map forecast as well as a small transformer, and is it the one of the two that knows the "
    "order of what it reads?",
    data=["ett-h1", "illness", "euro-rates"],
    arms={
        "linear": LTSFLinear,
        "dlinear": DLinear,
        "nlinear": NLinear,
        "nlinear, closed form": Arm(LTSFRegressor, {"kind": "nlinear", "alpha": 100.0}),
        "transformer": Attentive,
        "repeat the last value": Arm(Repeat, {"period": 1}),
        "repeat the last 24": Arm(Repeat, {"period": 24}),
    },
    trial=Forecast(),
    budget=Steps(300),
    claims=[
        Claim("linear errs no more than the transformer", "loss", "linear", "<=", "transformer", 0.02),
        Claim("dlinear errs no more than the transformer", "loss", "dlinear", "<=", "transformer", 0.02),
        Claim("nlinear errs less than the transformer", "loss", "nlinear", "<", "transformer", 0.02),
        Claim("where levels move, nlinear errs less than linear", "loss", "nlinear", "<", "linear", 0.02,
              ("illness", "euro-rates")),
        Claim("the closed form is as good as training", "loss", "nlinear, closed form", "<=", "nlinear", 0.01),
        Claim("nlinear errs less than the last value", "loss", "nlinear", "<", "repeat the last value", 0.01),
        Claim("shuffling hurts linear more than the transformer", "shuffle_rise", "linear", ">", "transformer", 0.1),
    ],
    metrics=(LOSS, Metric("shuffle_rise", "higher"), PARAMETERS),
    minutes=5,
    paper="ltsf",
    reference="transformer",
    baselines=("transformer", "repeat the last value", "repeat the last 24"),
    notes="The paper finds errors lower by 20 to 50 % than those of Informer, Autoformer and FEDformer on nine data "
    "sets, with 336 values of the past and horizons of 96 to 720, and that shuffled inputs hurt its linear map and "
    "hardly the transformers. Here: 96 values, 24 ahead, one learning rate for all, a transformer of two blocks over "
    "groups of eight values; the files are read from $UNBEND_DATA. Errors are squared, in standard deviations of "
    "training. The linear arms were run once at another seed before, the transformer was not.",
)  # fmt: skip
