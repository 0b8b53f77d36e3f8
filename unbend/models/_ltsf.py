"""Linear maps from the past of a series to its future: plain, of its trend and the rest, or from its last value on."""

from typing import Any, ClassVar, Literal, Self, cast, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import linalg
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of

Device = torch.device | str | None
Kind = Literal["linear", "dlinear", "nlinear"]
# scikit-learn says that its array arguments are strings.
_validate: Any = validate_data


class MovingAverageDecomposition(nn.Module):
    """A series as a moving average, its trend, and what remains.

    Formula:
        trend_s = mean of x_{s - r} .. x_{s + r}, r = (kernel - 1) / 2, the ends repeated;  remainder = x - trend

    Shape:
        x: (b, s, c); remainder, trend: as x.

    Args:
        kernel: odd: an even one would move the trend by half a step.

    Behaviour:
        Linear in x, keeps constants, and leaves no remainder of them.

    References:
        Zeng, Chen, Zhang, Xu (2022), Are Transformers Effective for Time Series Forecasting?, arXiv:2205.13504.

    Examples:
        >>> remainder, trend = MovingAverageDecomposition(3)(torch.tensor([[[0.0], [3.0], [6.0], [0.0]]]))
        >>> trend.flatten()
        tensor([1., 3., 3., 2.])
    """

    examples: ClassVar[tuple[Example, ...]] = (Example({"kernel": 5}, (2, 7, 3)),)

    def __init__(self, kernel: int = 25) -> None:
        super().__init__()
        if at_least(1, kernel=kernel) % 2 == 0:
            raise ArgumentError.of("kernel", kernel, "an odd number: an even one moves the trend by half a step")
        self.kernel = kernel

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        reach = self.kernel // 2
        ends = F.pad(x.transpose(1, 2), (reach, reach), mode="replicate")
        trend = F.avg_pool1d(ends, self.kernel, 1).transpose(1, 2)
        return x - trend, trend

    def matrix(self, length: int) -> Tensor:
        """The matrix (s, s) that makes the trend of a series of this length, in float64."""
        return self(torch.eye(length, dtype=torch.float64)[None])[1][0]

    def extra_repr(self) -> str:
        return f"{self.kernel}"


class LTSFLinear(nn.Module):
    """One linear map from the last values of a series to the next ones.

    Formula:
        y_t = sum_s W_ts x_s + b_t, the same for all channels unless they are `individual`

    Shape:
        x: (b, lookback, c); y: (b, horizon, c).

    Args:
        lookback: values that go in.
        horizon: values that come out.
        individual: how many channels have a map of their own; 0 shares one.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        horizon (lookback + 1) weights. Starts as the mean of the past.

    References:
        Zeng, Chen, Zhang, Xu (2022), Are Transformers Effective for Time Series Forecasting?, arXiv:2205.13504.

    Examples:
        >>> LTSFLinear(96, 24)(torch.randn(2, 96, 7)).shape
        torch.Size([2, 24, 7])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"lookback": 7, "horizon": 5}, (2, 7, 3)),
        Example({"lookback": 7, "horizon": 5, "individual": 3}, (2, 7, 3)),
    )

    def __init__(
        self,
        lookback: int,
        horizon: int,
        individual: int = 0,
        *,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.map = _Map(lookback, horizon, individual, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        return self.map(x)

    def affine(self) -> tuple[Tensor, Tensor]:
        """`W` (g, horizon, lookback) and `b` (g, horizon), g being 1 or the channels: y = W x + b."""
        return self.map.weight, self.map.bias

    def extra_repr(self) -> str:
        return self.map.sizes

    def __repr__(self) -> str:
        return f"LTSFLinear({self.map.sizes})"


class DLinear(nn.Module):
    """One linear map of the trend and one of what remains.

    Formula:
        y = W_r (x - M x) + b_r + W_t M x + b_t, with M of `MovingAverageDecomposition`

    Shape:
        x: (b, lookback, c); y: (b, horizon, c).

    Args:
        lookback: values that go in.
        horizon: values that come out.
        individual: as for `LTSFLinear`.
        kernel: of the moving average, odd.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Affine in x: what it computes is what `LTSFLinear` can compute with W_r (I - M) + W_t M, which `affine` returns;
        the two maps change only the way there.

    References:
        Zeng, Chen, Zhang, Xu (2022), Are Transformers Effective for Time Series Forecasting?, arXiv:2205.13504.

    Examples:
        >>> DLinear(96, 24)(torch.randn(2, 96, 7)).shape
        torch.Size([2, 24, 7])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"lookback": 11, "horizon": 5, "kernel": 3}, (2, 11, 3)),
        Example({"lookback": 7, "horizon": 5, "individual": 3, "kernel": 5}, (2, 7, 3)),
    )

    def __init__(
        self,
        lookback: int,
        horizon: int,
        individual: int = 0,
        kernel: int = 25,
        *,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.split = MovingAverageDecomposition(kernel)
        self.remainder, self.trend = (_Map(lookback, horizon, individual, device, dtype) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        remainder, trend = self.split(x)
        return self.remainder(remainder) + self.trend(trend)

    def affine(self) -> tuple[Tensor, Tensor]:
        """The one map that it amounts to, as for `LTSFLinear`."""
        rest, trend = self.remainder.weight, self.trend.weight
        average = self.split.matrix(rest.shape[-1]).to(rest)
        return rest + (trend - rest) @ average, self.remainder.bias + self.trend.bias

    def __repr__(self) -> str:
        return f"DLinear({self.trend.sizes}, kernel={self.split.kernel})"


class NLinear(nn.Module):
    """A linear map of how the series differs from its last value, which is added again.

    Formula:
        y_t = x_S + sum_s W_ts (x_s - x_S) + b_t

    Shape:
        x: (b, lookback, c); y: (b, horizon, c).

    Args:
        lookback: values that go in.
        horizon: values that come out.
        individual: whether each channel has a map of its own.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        f(x + a) = f(x) + a for every constant a: a series that has moved since training is no stranger. With weights of
        zero it repeats the last value.

    Departures:
        The authors' code lets no gradient through the last value to what made it; here the gradient is the true one.
        Training is the same, since the series is what goes in.

    References:
        Zeng, Chen, Zhang, Xu (2022), Are Transformers Effective for Time Series Forecasting?, arXiv:2205.13504.

    Examples:
        >>> NLinear(96, 24)(torch.randn(2, 96, 7)).shape
        torch.Size([2, 24, 7])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"lookback": 7, "horizon": 5}, (2, 7, 3)),
        Example({"lookback": 7, "horizon": 5, "individual": 3}, (2, 7, 3)),
    )

    def __init__(
        self,
        lookback: int,
        horizon: int,
        individual: int = 0,
        *,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.map = _Map(lookback, horizon, individual, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        last = x[:, -1:]
        return last + self.map(x - last)

    def affine(self) -> tuple[Tensor, Tensor]:
        """The one map that it amounts to, as for `LTSFLinear`."""
        weight = self.map.weight
        last = torch.zeros(weight.shape[-1], device=weight.device, dtype=weight.dtype)
        last[-1] = 1
        return weight + (1 - weight.sum(-1, keepdim=True)) * last, self.map.bias

    def __repr__(self) -> str:
        return f"NLinear({self.map.sizes})"


class LTSFRegressor(RegressorMixin, BaseEstimator):
    """The three linear forecasters by ridge regression in closed form, as a scikit-learn regressor.

    Formula:
        minimise |Y - Z W^T - b|^2 + alpha |W|^2 with Z = X, or (X - X M, X M), or X - x_S and Y - x_S

    Shape:
        X: (n, lookback); Y: (n, horizon), or (n,).

    Args:
        kind: "linear", "dlinear" or "nlinear".
        alpha: the ridge; the offset b is free.
        kernel: of the moving average of "dlinear", odd.

    Behaviour:
        Time n lookback^2. Several series are rows of one X. `module()` gives the torch module with these weights.

    References:
        Zeng, Chen, Zhang, Xu (2022), Are Transformers Effective for Time Series Forecasting?, arXiv:2205.13504.

    Examples:
        >>> x = np.arange(30.0)
        >>> past, future = np.stack([x[i : i + 4] for i in range(20)]), np.stack([x[i + 4 : i + 6] for i in range(20)])
        >>> LTSFRegressor("nlinear", alpha=1e-9).fit(past, future).predict([[96, 97, 98, 99]]).round(3)
        array([[100., 101.]])
    """

    def __init__(self, kind: Kind = "linear", alpha: float = 1.0, kernel: int = 25) -> None:
        self.kind, self.alpha, self.kernel = kind, alpha, kernel

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Find the weights from windows and what followed them."""
        one_of(get_args(Kind), kind=self.kind)
        if not 0 <= self.alpha < float("inf"):
            raise ArgumentError.of("alpha", self.alpha, "a finite number >= 0")
        past, future = cast(tuple[Any, Any], _validate(self, X, y, y_numeric=True, multi_output=True, dtype="float64"))
        self.flat_ = future.ndim == 1
        future = future.reshape(len(past), -1).astype(np.float64)
        inputs, base = self._inputs(past)
        middle, goal = inputs.mean(0), (future - base).mean(0)
        inputs, future = inputs - middle, future - base - goal
        # By singular values: the trend and the remainder of a series are far from independent.
        left, sizes, right = linalg.svd(inputs, full_matrices=False)
        kept = sizes > 1e-12 * max(sizes.max(initial=0.0), 1e-300)
        gains = sizes[kept] / (sizes[kept] ** 2 + self.alpha)
        self.coef_: NDArray[np.float64] = ((left[:, kept].T @ future).T * gains) @ right[kept]
        self.intercept_: NDArray[np.float64] = goal - self.coef_ @ middle
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """What follows each window."""
        check_is_fitted(self)
        past = _validate(self, X, reset=False, dtype="float64")
        inputs, base = self._inputs(past)
        y = inputs @ self.coef_.T + self.intercept_ + base
        return y[:, 0] if self.flat_ else y

    def module(self) -> nn.Module:
        """`LTSFLinear`, `DLinear` or `NLinear` with the weights found, in float64."""
        check_is_fitted(self)
        horizon, lookback = len(self.coef_), cast(int, cast(Any, self).n_features_in_)
        weight, bias = torch.from_numpy(self.coef_)[None], torch.from_numpy(self.intercept_)[None]
        zero = torch.zeros_like(bias)
        if self.kind == "dlinear":
            made = DLinear(lookback, horizon, kernel=self.kernel, dtype=torch.float64)
            parts = {"remainder": (weight[..., :lookback], bias), "trend": (weight[..., lookback:], zero)}
        else:
            made = (NLinear if self.kind == "nlinear" else LTSFLinear)(lookback, horizon, dtype=torch.float64)
            parts = {"map": (weight, bias)}
        state = {f"{name}.{kind}": part for name, pair in parts.items() for kind, part in zip(("weight", "bias"), pair)}
        made.load_state_dict(state)
        return made

    def __sklearn_tags__(self) -> Any:
        tags: Any = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _inputs(self, past: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64] | float]:
        """What the weights apply to, and what is added to their result."""
        if self.kind == "nlinear":
            return past - past[:, -1:], past[:, -1:]
        if self.kind == "dlinear":
            average = MovingAverageDecomposition(self.kernel).matrix(past.shape[1]).numpy().T
            trend = past @ average
            return np.concatenate([past - trend, trend], 1), 0.0
        return past, 0.0


class _Map(nn.Module):
    """`y_t = sum_s W_ts x_s + b_t`, for all channels or for each."""

    def __init__(self, lookback: int, horizon: int, individual: int, device: Device, dtype: torch.dtype | None) -> None:
        super().__init__()
        groups = max(at_least(0, individual=individual), 1)
        self.sizes = f"{lookback}, {horizon}, individual={individual}"
        shape = (groups, at_least(1, horizon=horizon), at_least(1, lookback=lookback))
        self.weight = nn.Parameter(torch.full(shape, 1 / lookback, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(shape[:2], device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        groups, _, lookback = self.weight.shape
        if x.ndim != 3 or x.shape[1] != lookback or (groups > 1 and x.shape[2] != groups):
            wanted = f"(b, {lookback}, {groups if groups > 1 else 'c'})"
            raise ArgumentError.of("x", f"shape {tuple(x.shape)}", wanted)
        if groups == 1:
            return self.weight[0] @ x + self.bias[0][:, None]
        return torch.einsum("bsc,cts->btc", x, self.weight) + self.bias.T
