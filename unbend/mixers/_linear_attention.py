"""Linear attention with the features elu(x) + 1, the yardstick of feature maps."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend.mixers._base import accumulate
from unbend.mixers._feature_base import FeatureAttention
from unbend.mixers._heads_base import Device, Dtype, depth_of, split


class LinearAttention(FeatureAttention):
    """Attention whose weights are products of the features elu(x) + 1, causal or not.

    Formula:
        phi(x) = elu(x) + 1
        y_i = sum_j (phi(q_i) . phi(k_j)) v_j / (sum_j phi(q_i) . phi(k_j) + 1e-6), over j <= i if causal
        as a recurrence: S_i = S_{i-1} + phi(k_i) v_i^T, z_i = z_{i-1} + phi(k_i),
        y_i = S_i^T phi(q_i) / (z_i . phi(q_i) + 1e-6)

    Shape:
        x: (b, t, dim); padding: (b, t); y: as x.

    Args:
        dim: channels, a multiple of `heads`.
        heads: how many, of c = dim / heads channels.
        causal: whether a token sees only itself and those before it.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time t dim (2 c + 32) for the causal form in chunks, t dim c for the other; memory t dim. The state of `step` is
        `(b, h, c, c)` sums and `(b, h, c)` weights, in float32. Knows no positions. No biases.

    References:
        Katharopoulos, Vyas, Pappas, Fleuret (2020), Transformers are RNNs: Fast Autoregressive Transformers with Linear
        Attention, arXiv:2006.16236.

    Examples:
        >>> import torch
        >>> layer = LinearAttention(8, heads=2, causal=True)
        >>> x = torch.randn(2, 5, 8)
        >>> y, _ = layer.step(x[:, 0], layer.init_state(2))
        >>> torch.allclose(y, layer(x)[:, 0], atol=1e-5)
        True
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 6, "heads": 3}, (3, 7, 6), largest=1e9),
        Example({"dim": 10, "heads": 2, "causal": True}, (3, 7, 10), largest=1e9),
    )

    def __init__(
        self, dim: int, *, heads: int = 4, causal: bool = False, device: Device = None, dtype: Dtype = None
    ) -> None:
        depth = depth_of(dim, heads)
        super().__init__(dim, heads, depth, causal=causal, eps=1e-6, device=device, dtype=dtype)
        self.to_qk = nn.Linear(dim, 2 * dim, bias=False, device=device, dtype=dtype)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        positive = F.elu(accumulate(self.to_qk(x))) + 1
        q, k = (split(part, self.heads) for part in positive.chunk(2, -1))
        return q, k

    def extra_repr(self) -> str:
        return f"{self.out.in_features}, heads={self.heads}, causal={self.causal}"
