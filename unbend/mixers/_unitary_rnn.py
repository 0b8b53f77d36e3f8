"""A recurrent network without a bend: each token turns the state by a rotation of its own."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import at_least
from unbend.mixers._base import Mixer, accumulate
from unbend.mixers._heads_base import Device, Dtype, real, state_type

State = tuple[Tensor]


def antisymmetric(values: Tensor, width: int) -> Tensor:
    """Numbers (..., k) as antisymmetric matrices (..., width, width), filled along the rows above the diagonal.

    Formula:
        S_ij = -S_ji; where k < width (width - 1) / 2, the last entries above the diagonal stay zero

    Args:
        values: the entries.
        width: rows of a matrix.

    References:
        Bernardy, Lappin (2022), Assessing the Unitary RNN as an End-to-End Compositional Model of Syntax,
        arXiv:2208.05719.
    """
    rows, columns = torch.triu_indices(width, width, 1, device=values.device)[:, : values.shape[-1]]
    flat = values.new_zeros(*values.shape[:-1], width * width)
    upper = flat.scatter(-1, (rows * width + columns).expand(values.shape), values).unflatten(-1, (width, width))
    return upper - upper.mT


def unitary_distance(p: Tensor, q: Tensor) -> Tensor:
    """The squared distance of rotations (..., n, n), as far apart as the states that they make of the same ones.

    Formula:
        |p - q|^2 = 2 n - 2 tr(p^T q)

    Args:
        p: rotations.
        q: others.

    References:
        Bernardy, Lappin (2022), Assessing the Unitary RNN as an End-to-End Compositional Model of Syntax,
        arXiv:2208.05719.
    """
    return 2 * p.shape[-1] - 2 * (p * q).sum((-2, -1))


def average_effect(q: Tensor) -> Tensor:
    """How much of a state a rotation (..., n, n) leaves in place, in the mean over all directions: 1 for none.

    Formula:
        tr(q) / n

    Args:
        q: rotations.

    References:
        Bernardy, Lappin (2022), Assessing the Unitary RNN as an End-to-End Compositional Model of Syntax,
        arXiv:2208.05719.
    """
    return q.diagonal(dim1=-2, dim2=-1).mean(-1)


class UnitaryRNN(Mixer):
    """A state of length one that every token rotates: strictly compositional, a phrase is the product of its words.

    Formula:
        Q_t = expm(S(W x_t)), S antisymmetric;  s_t = Q_t s_{t-1}, s_0 = e_1;  y_t = V s_t + b

    Shape:
        x: (b, t, dim); padding: (b, t); y: as x.

    Args:
        dim: channels in and out.
        width: numbers of the state, n.
        rows: of S above the diagonal, so many are free and the others zero; all when None.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time t n^3 for the exponentials; gradients through time neither grow nor fade. In float32 the
        length of a state drifts by some 1e-7 a token. `rotations` may be called once
        for each word, and `turn` on what was gathered. A padded token turns nothing. The state of `step` is (b, n).

    Departures:
        The map W from any vector in place of a table of words, and the read-out V to `dim` channels. The start and the
        order of products are from memory of the paper, not checked against it.

    References:
        Bernardy, Lappin (2022), Assessing the Unitary RNN as an End-to-End Compositional Model of Syntax,
        arXiv:2208.05719.

    Examples:
        >>> layer = UnitaryRNN(6, 4)
        >>> x = torch.randn(2, 5, 6)
        >>> y, _ = layer.step(x[:, 0], layer.init_state(2))
        >>> torch.allclose(y, layer(x)[:, 0], atol=1e-5)
        True
    """

    causal: bool = True
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 5, "width": 4}, (3, 7, 5), largest=90.0),
        Example({"dim": 5, "width": 4, "rows": 1}, (2, 7, 5), largest=90.0),
    )

    def __init__(
        self, dim: int, width: int = 32, *, rows: int | None = None, device: Device = None, dtype: Dtype = None
    ) -> None:
        super().__init__()
        self.width = at_least(2, width=width)
        self.rows = min(at_least(1, rows=width - 1 if rows is None else rows), width - 1)
        free = self.rows * width - self.rows * (self.rows + 1) // 2
        self.to_plane = nn.Linear(at_least(1, dim=dim), free, bias=False, device=device, dtype=dtype)
        self.out = nn.Linear(width, dim, device=device, dtype=dtype)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        start = self.init_state(len(x), device=x.device, dtype=x.dtype)[0]
        return self.out(self.turn(self.rotations(real(x, padding)), start).to(x.dtype))

    def rotations(self, x: Tensor) -> Tensor:
        """The rotation `(..., n, n)` of each token `(..., dim)`; zero gives the identity."""
        return torch.linalg.matrix_exp(antisymmetric(accumulate(self.to_plane(x)), self.width))

    def turn(self, q: Tensor, state: Tensor) -> Tensor:
        """The states (b, t, n) after each of the rotations (b, t, n, n), later ones on the left."""
        states: list[Tensor] = []
        for rotation in q.unbind(1):
            state = (rotation @ state[..., None])[..., 0]
            states.append(state)
        return torch.stack(states, 1) if states else state.new_zeros(len(q), 0, self.width)

    def init_state(self, batch: int, *, device: Device = None, dtype: Dtype = None) -> State:
        """The first basis vector, where the weights lie, in float32 or wider unless told otherwise."""
        weight = self.out.weight
        state = torch.zeros(batch, self.width, device=device or weight.device, dtype=state_type(weight, dtype))
        state[:, 0] = 1
        return (state,)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """The output at one token `(b, dim)`, and the state after it."""
        turned = self.turn(self.rotations(x_t)[:, None], state[0])[:, 0]
        return self.out(turned.to(x_t.dtype)), (turned,)

    def extra_repr(self) -> str:
        return f"{self.out.out_features}, {self.width}, rows={self.rows}"
