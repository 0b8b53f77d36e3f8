"""What lambda layers and attention cost, counted as the paper counts."""

from dataclasses import dataclass
from typing import Literal

from unbend._errors import ArgumentError, at_least, one_of

Kind = Literal["self_attention", "linear_attention", "lambda", "lambda_conv"]
_KINDS = ("self_attention", "linear_attention", "lambda", "lambda_conv")


@dataclass(frozen=True)
class LambdaCost:
    """Leading terms: `time` in multiply-adds, `space` in numbers held."""

    time: int
    space: int


def lambda_cost(
    kind: Kind, b: int, n: int, m: int, k: int, d: int, h: int, u: int = 1, r: int | None = None
) -> LambdaCost:
    """Time and space of a layer that reads m context positions for n queries, projections left out.

    Formula:
        self_attention:   time = b n m (h k + d),   space = b n m h
        linear_attention: time = b n k d,           space = b k d
        lambda:           time = b n m k u d / h,   space = n m k u + b n k d / h
        lambda_conv:      time = b n r^2 k u d / h, space = r^2 k u + b n k d / h

    Args:
        kind: which layer.
        b: examples in the batch.
        n: queries.
        m: context positions.
        k: depth of keys and queries.
        d: channels out.
        h: heads, a divisor of d.
        u: intra-depth of the lambda layers.
        r: side of the scope of `lambda_conv`.

    Departures:
        These are the paper's counts. Our layers do less: they hold the table by offset, not n m k, and contract it in
        one of three ways, none of which needs n m k d / h.

    References:
        Bello (2021), LambdaNetworks: Modeling Long-Range Interactions Without Attention, arXiv:2102.08602.

    Examples:
        One attention map of 8 heads over 128 images of 64 x 64, in gigabytes of float32:

        >>> lambda_cost("self_attention", b=128, n=64**2, m=64**2, k=16, d=128, h=8).space * 4 / 2**30
        64.0
    """
    one_of(_KINDS, kind=kind)
    sizes = {"b": b, "n": n, "m": m, "k": k, "d": d, "h": h, "u": u}
    for name, size in sizes.items():
        at_least(1, **{name: size})
    if d % h:
        raise ArgumentError.of("d", d, f"a multiple of h={h}")
    if kind == "self_attention":
        return LambdaCost(b * n * m * (h * k + d), b * n * m * h)
    if kind == "linear_attention":
        return LambdaCost(b * n * k * d, b * k * d)
    lambdas = b * n * k * d // h
    if kind == "lambda":
        return LambdaCost(m * u * lambdas, n * m * k * u + lambdas)
    reach = at_least(1, r=r) ** 2
    return LambdaCost(reach * u * lambdas, reach * k * u + lambdas)
