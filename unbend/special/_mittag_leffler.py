"""The Mittag-Leffler function of real arguments."""

from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from unbend._errors import ArgumentError

T = TypeVar("T", Tensor, float, Any)


def mittag_leffler(z: T, alpha: Tensor | float, beta: Tensor | float = 1.0, *, scaled: bool = False) -> T:
    """The two-parametric Mittag-Leffler function, for real numbers.

    Formula:
        E(z) = sum_{k >= 0} z^k / Gamma(alpha k + beta)

    Args:
        z: a number, numpy array or tensor.
        alpha: in [0, 4], a number or what broadcasts with z. In (-1, 0) the analytic continuation through 0 is meant,
            `1 / Gamma(beta) - E_{-alpha, beta}(1 / z)`. Numbers out of range are an error, tensors give nan there.
        beta: any real; the accuracy below is for [-2, 5].
        scaled: multiply by `exp(-z^(1 / alpha))` where z > 1 and alpha > 0, so that nothing overflows.

    Returns:
        Like z in kind, shape (broadcast) and floating type; differentiable by tensors z, alpha and beta, twice.

    Behaviour:
        Accuracy in float64, in which it is computed: the error is below 1e-11 (|E| + 1 / (1 + |z|)) for alpha >= 0.1
        and the betas above, with the rounding of exp(z^(1 / alpha)) on top where that is large. So it is relative but
        near zeros, and where E is far below 1 / (1 + |z|), as exp(z) is for z = -30. At alpha = 0 the geometric series
        is continued to 1 / (Gamma(beta) (1 - z)). Infinite where it leaves float64; 0 at minus infinity. Twenty
        divisions an element if alpha and beta are numbers, or vary along one axis of z; slower if they vary with
        every element.

    References:
        Mostafanejad (2023), Unification of popular artificial neural network activation functions, arXiv:2302.11007.
        Weideman, Trefethen (2007), Parabolic and hyperbolic contours for computing the Bromwich integral.
        Garrappa (2015), Numerical evaluation of two and three parameter Mittag-Leffler functions.

    Examples:
        >>> mittag_leffler(torch.tensor([-1.0, 0.0, 1.0]), 1.0)
        tensor([0.3679, 1.0000, 2.7183])
        >>> f"{mittag_leffler(-(3.0**2), 2.0):.6f}"
        '-0.989992'
    """
    from unbend.kernels._mittag_leffler import LEAST, MOST, mittag_leffler as kernel  # compiles its loops

    if isinstance(alpha, int | float) and not LEAST < alpha <= MOST:
        raise ArgumentError.of("alpha", alpha, f"a number in ({LEAST:g}, {MOST:g}]")
    tensors = [t if isinstance(t, Tensor) else torch.as_tensor(np.asarray(t, float)) for t in (z, alpha, beta)]
    shape = torch.broadcast_shapes(*(t.shape for t in tensors))
    x, a, b = (t.to(torch.float64) for t in tensors)
    axis = _axis(shape, a, b)
    if axis is None:
        rows, a, b = (t.expand(shape).reshape(1, -1) for t in (x, a, b))
        out = kernel(rows, a[0], b[0], scaled).view(shape)
    else:
        count = shape[axis] if shape else 1
        last = x.expand(shape).movedim(axis, -1) if shape else x
        rows = last.reshape(-1, count)
        out = kernel(rows, a.flatten().expand(count), b.flatten().expand(count), scaled)
        out = out.view(last.shape).movedim(-1, axis) if shape else out.view(())
    if isinstance(z, Tensor):
        return out.to(z.dtype if z.is_floating_point() else torch.get_default_dtype())  # type: ignore[return-value]  # T is Tensor
    return _as(z, out)


def _as(z: Any, out: Tensor) -> Any:
    """A number for a number, else an array of the same floating type."""
    array = out.detach().numpy()
    if not isinstance(z, np.ndarray):
        return float(array) if array.ndim == 0 else array
    return array.astype(z.dtype if z.dtype.kind == "f" else np.float64)


def _axis(shape: torch.Size, a: Tensor, b: Tensor) -> int | None:
    """The one axis of the shape along which the parameters vary; None where they vary along several."""
    axes = {dim - t.ndim for t in (a, b) for dim, size in enumerate(t.shape) if size != 1}
    return None if len(axes) > 1 else axes.pop() if axes else -1
