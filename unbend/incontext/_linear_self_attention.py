"""One layer of linear self-attention on prompts of regression, and the step of gradient descent that it learns."""

import math
from typing import ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of

Targets = Literal["linear", "relu"]
Device = torch.device | str | None


class LinearSelfAttention1(nn.Module):
    """Attention without softmax from a query to the examples of its prompt.

    Formula:
        z_i = (x_i, y_i);  f(x) = sum_{i <= n} (v . z_i) (K z_i . Q x)

    Shape:
        prompts: (b, n + 1, dim + 1), examples (x_i, y_i) and last the query (x, anything); f: (b, 1).

    Args:
        dim: d, the numbers of an x.
        key_dim: rows of K and Q; dim + 1 when None, which any K^T Q can be written with.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        The query's own y is never read, and the query attends to the examples alone. Only the product of v and K^T Q
        counts. Time n d. The least expected square over linear tasks is at v = (0, 1), K^T Q = (eta I, 0): one step of
        gradient descent, which `as_gd_step` reads out.

    Departures:
        The paper's layer gives whole tokens, of which only the query's y is read; the weights that never reach it are
        left out here.

    References:
        Mahankali, Hashimoto, Ma (2023), One Step of Gradient Descent is Provably the Optimal In-Context Learner with
        One Layer of Linear Self-Attention, arXiv:2307.03576.

    Examples:
        >>> LinearSelfAttention1(5)(torch.randn(2, 11, 6)).shape
        torch.Size([2, 1])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 5}, (2, 11, 6), largest=1e9),
        Example({"dim": 3, "key_dim": 2}, (2, 7, 4), largest=1e9),
    )

    def __init__(
        self, dim: int, key_dim: int | None = None, *, device: Device = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.dim = at_least(1, dim=dim)
        self.key_dim = dim + 1 if key_dim is None else at_least(1, key_dim=key_dim)
        shapes = (dim + 1,), (self.key_dim, dim + 1), (self.key_dim, dim)
        self.value, self.keys, self.queries = (
            nn.Parameter(torch.empty(shape, device=device, dtype=dtype)) for shape in shapes
        )
        for weight in self.parameters():
            nn.init.normal_(weight, std=0.5 / (dim + 1))

    def forward(self, prompts: Tensor) -> Tensor:
        if prompts.ndim != 3 or prompts.shape[-1] != self.dim + 1:
            raise ArgumentError.of("prompts", f"shape {tuple(prompts.shape)}", f"(b, n + 1, {self.dim + 1})")
        wide = prompts.to(torch.promote_types(prompts.dtype, torch.float32))
        z, x = wide[:, :-1], wide[:, -1:, :-1]
        value, keys, queries = (weight.to(wide.dtype) for weight in self.parameters())
        scores = (z @ keys.T) @ (x @ queries.T).mT
        return ((z @ value)[:, None] @ scores)[:, 0].to(prompts.dtype)

    def extra_repr(self) -> str:
        return f"{self.dim}, {self.key_dim}"


class GDStep(NamedTuple):
    """What a layer does, read as a step: `f(x) = (sum y_i x_i)^T matrix x`, up to `rest`."""

    matrix: Tensor
    rest: float


@torch.no_grad()
def as_gd_step(layer: LinearSelfAttention1) -> GDStep:
    """The matrix of the step of gradient descent that a layer takes, and the share of it that is no such step.

    Formula:
        matrix = v_y (K^T Q)_x;  rest = |v (K^T Q) without that block| / |matrix|

    Args:
        layer: trained or not.

    References:
        Mahankali, Hashimoto, Ma (2023), One Step of Gradient Descent is Provably the Optimal In-Context Learner with
        One Layer of Linear Self-Attention, arXiv:2307.03576.
    """
    every = torch.einsum("a,bc->abc", layer.value, layer.keys.T @ layer.queries)
    matrix = every[-1, :-1].clone()
    size = float(matrix.square().sum())
    rest = max(float(every.square().sum()) - size, 0.0)
    return GDStep(matrix, math.sqrt(rest / size) if size else math.inf)


def gd_step(prompts: Tensor, step: float | Tensor) -> Tensor:
    """What one step of gradient descent from zero, on half the summed squares of the prompt, predicts for the query.

    Formula:
        f(x) = (sum_i y_i x_i)^T step x

    Args:
        prompts: (b, n + 1, d + 1), as for `LinearSelfAttention1`.
        step: the step's length eta, or a matrix (d, d) that preconditions it.

    References:
        Mahankali, Hashimoto, Ma (2023), One Step of Gradient Descent is Provably the Optimal In-Context Learner with
        One Layer of Linear Self-Attention, arXiv:2307.03576.

    Examples:
        >>> gd_step(torch.tensor([[[1.0, 2.0], [3.0, 6.0], [10.0, 0.0]]]), 0.1)
        tensor([[20.]])
    """
    examples, x = prompts[:, :-1], prompts[:, -1, :-1]
    gradient = (examples[..., -1:] * examples[..., :-1]).sum(1)
    moved = gradient @ step if isinstance(step, Tensor) else gradient * step
    return (moved * x).sum(-1, keepdim=True)


def optimal_step(n: int, dim: int, noise: float = 0.0, targets: Targets = "linear") -> float:
    """The length of the best step for prompts of n examples with standard normal x and w.

    Formula:
        eta = 1 / (n + d + 1 + s^2) for y = w . x + s e;  1 / (n + 2 d + 3 + 4 s^2) for y = relu(w . x) + s e

    Args:
        n: examples in a prompt.
        dim: d.
        noise: s, the standard deviation of the noise.
        targets: see `regression_prompts`.

    Behaviour:
        With E[y x | w] = a w and g = sum y_i x_i it is a E[w . g] / E|g|^2. The expected square of the linear case is
        d (1 - n eta), and s^2 for the noise of the query. For x of covariance S and w of covariance S^-1 the best
        matrix is eta S^-1.

    References:
        Mahankali, Hashimoto, Ma (2023), One Step of Gradient Descent is Provably the Optimal In-Context Learner with
        One Layer of Linear Self-Attention, arXiv:2307.03576.

    Examples:
        >>> optimal_step(10, 5), optimal_step(10, 5, targets="relu")
        (0.0625, 0.043478260869565216)
    """
    at_least(1, n=n)
    at_least(1, dim=dim)
    if one_of(get_args(Targets), targets=targets) == "linear":
        return 1 / (n + dim + 1 + noise**2)
    return 1 / (n + 2 * dim + 3 + 4 * noise**2)


def regression_prompts(
    count: int,
    n: int,
    dim: int,
    noise: float = 0.0,
    covariance: Tensor | None = None,
    targets: Targets = "linear",
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """Prompts of linear regression, each with a task of its own, and what their queries ask for.

    Formula:
        x ~ N(0, S), w ~ N(0, S^-1), y = w . x + noise e, or relu(w . x) + noise e, e ~ N(0, 1)

    Args:
        count: how many prompts.
        n: examples in each.
        dim: d.
        noise: standard deviation.
        covariance: S, positive definite; the identity when None.
        targets: "linear" or "relu".
        generator: of the draws.
        dtype: of the numbers.

    Returns:
        prompts (count, n + 1, d + 1), the query's y being 0; and the answers (count, 1).

    References:
        Mahankali, Hashimoto, Ma (2023), One Step of Gradient Descent is Provably the Optimal In-Context Learner with
        One Layer of Linear Self-Attention, arXiv:2307.03576.
    """
    one_of(get_args(Targets), targets=targets)
    x = torch.randn(count, n + 1, dim, generator=generator, dtype=dtype)
    w = torch.randn(count, dim, 1, generator=generator, dtype=dtype)
    y = x @ w
    if covariance is not None:
        # With S = L L^T, x = L u and w = L^-T t have those laws, and w . x = t . u.
        x = x @ torch.linalg.cholesky(covariance).to(x.dtype).T
    y = (y.relu() if targets == "relu" else y) + noise * torch.randn(y.shape, generator=generator, dtype=dtype)
    answers = y[:, -1].clone()
    y[:, -1] = 0
    return torch.cat([x, y], -1), answers
