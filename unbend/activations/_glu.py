"""Feed-forward blocks in which one linear map gates another."""

import torch
from torch import Tensor
from torch.nn import functional as F

from unbend.activations._glu_base import GatedFeedForward


class GLU(GatedFeedForward):
    """The gated linear unit of Dauphin et al. (2016) as a feed-forward block.

    Formula:
        y = (sigmoid(x W) * (x V)) W2

    Shape:
        x: (*, dim); y: (*, dim); W, V: dim x hidden; W2: hidden x dim.

    Behaviour:
        With W = 0 it is x V W2 / 2. Two matrix products, one of them of double width.

    References:
        Shazeer (2020), GLU Variants Improve Transformer, arXiv:2002.05202.

    Examples:
        >>> GLU(8)
        GLU(8, 21, bias=False)
    """

    def act(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)


class Bilinear(GatedFeedForward):
    """The gated block without a bend: a quadratic form of its input.

    Formula:
        y = (x W * (x V)) W2

    Shape:
        x: (*, dim); y: (*, dim); W, V: dim x hidden; W2: hidden x dim.

    Behaviour:
        Quadratic: f(c x) = c^2 f(x). Two matrix products, one of them of double width.

    References:
        Shazeer (2020), GLU Variants Improve Transformer, arXiv:2002.05202.

    Examples:
        >>> Bilinear(8)
        Bilinear(8, 21, bias=False)
    """

    def act(self, x: Tensor) -> Tensor:
        return x


class ReGLU(GatedFeedForward):
    """The block gated by a ReLU.

    Formula:
        y = (relu(x W) * (x V)) W2

    Shape:
        x: (*, dim); y: (*, dim); W, V: dim x hidden; W2: hidden x dim.

    Behaviour:
        Positively homogeneous of degree 2. Two matrix products, one of them of double width.

    References:
        Shazeer (2020), GLU Variants Improve Transformer, arXiv:2002.05202.

    Examples:
        >>> ReGLU(8)
        ReGLU(8, 21, bias=False)
    """

    def act(self, x: Tensor) -> Tensor:
        return torch.relu(x)


class GEGLU(GatedFeedForward):
    """The block gated by a GELU.

    Formula:
        y = (gelu(x W) * (x V)) W2

    Shape:
        x: (*, dim); y: (*, dim); W, V: dim x hidden; W2: hidden x dim.

    Behaviour:
        The exact GELU, as the paper's text has it; T5's code takes the tanh form. Two matrix products, one of double
        width.

    References:
        Shazeer (2020), GLU Variants Improve Transformer, arXiv:2002.05202.

    Examples:
        >>> GEGLU(8)
        GEGLU(8, 21, bias=False)
    """

    def act(self, x: Tensor) -> Tensor:
        return F.gelu(x)


class SwiGLU(GatedFeedForward):
    """The block gated by Swish with beta = 1.

    Formula:
        y = (silu(x W) * (x V)) W2

    Shape:
        x: (*, dim); y: (*, dim); W, V: dim x hidden; W2: hidden x dim.

    Behaviour:
        Smooth, and the gate passes a little of negative inputs. Two matrix products, one of them of double width.

    References:
        Shazeer (2020), GLU Variants Improve Transformer, arXiv:2002.05202.

    Examples:
        >>> SwiGLU(8)
        SwiGLU(8, 21, bias=False)
    """

    def act(self, x: Tensor) -> Tensor:
        return F.silu(x)
