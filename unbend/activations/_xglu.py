"""Feed-forward blocks with a gate whose range is learned."""

import torch
from torch import Tensor

from unbend.activations._xgate_base import ExpandedFeedForward, arctan_gate


class ATGLU(ExpandedFeedForward):
    """The gated block with the arctangent for its gate.

    Formula:
        g = atan(x W) / pi + 1 / 2
        y = (g * (x V)) W2 at order 1, ((x W) * g * (x V)) W2 at order 2

    Shape:
        x: (*, dim); y: (*, dim); W, V: dim x hidden; W2: hidden x dim.

    Behaviour:
        The gate stays between 0 and 1. With W = 0 it is x V W2 / 2 at order 1 and 0 at order 2.

    References:
        Huang (2024), Expanded Gating Ranges Improve Activation Functions, arXiv:2405.20768.

    Examples:
        >>> ATGLU(8)
        ATGLU(8, 21, order=1, bias=False)
    """

    expands = False

    def gate(self, x: Tensor) -> Tensor:
        return arctan_gate(x)


class XATGLU(ExpandedFeedForward):
    """The gated block with an arctangent that reaches from -a to 1 + a.

    Formula:
        g = (atan(x W) / pi + 1 / 2) (1 + 2 a) - a
        y = (g * (x V)) W2 at order 1, ((x W) * g * (x V)) W2 at order 2

    Shape:
        x: (*, dim); y: (*, dim); W, V: dim x hidden; W2: hidden x dim; a: one number, 0 at the start.

    Behaviour:
        ATGLU at a = 0. Only the gate is expanded, and g is 1/2 wherever x W is 0.

    References:
        Huang (2024), Expanded Gating Ranges Improve Activation Functions, arXiv:2405.20768.

    Examples:
        >>> XATGLU(8, order=2)
        XATGLU(8, 21, order=2, bias=False)
    """

    def gate(self, x: Tensor) -> Tensor:
        return arctan_gate(x)


class XGEGLU(ExpandedFeedForward):
    """The gated block with a normal distribution function that reaches from -a to 1 + a.

    Formula:
        g = Phi(x W) (1 + 2 a) - a
        y = (g * (x V)) W2 at order 1, ((x W) * g * (x V)) W2 at order 2

    Shape:
        x: (*, dim); y: (*, dim); W, V: dim x hidden; W2: hidden x dim; a: one number, 0 at the start.

    Behaviour:
        GEGLU at order 2 and a = 0. At order 1 the value is scaled by a gate that saturates.

    References:
        Huang (2024), Expanded Gating Ranges Improve Activation Functions, arXiv:2405.20768.

    Examples:
        >>> XGEGLU(8)
        XGEGLU(8, 21, order=1, bias=False)
    """

    def gate(self, x: Tensor) -> Tensor:
        return torch.special.ndtr(x)


class XSwiGLU(ExpandedFeedForward):
    """The gated block with a sigmoid that reaches from -a to 1 + a.

    Formula:
        g = sigmoid(x W) (1 + 2 a) - a
        y = (g * (x V)) W2 at order 1, ((x W) * g * (x V)) W2 at order 2

    Shape:
        x: (*, dim); y: (*, dim); W, V: dim x hidden; W2: hidden x dim; a: one number, 0 at the start.

    Behaviour:
        At a = 0 it is GLU at order 1 and SwiGLU at order 2.

    References:
        Huang (2024), Expanded Gating Ranges Improve Activation Functions, arXiv:2405.20768.

    Examples:
        >>> XSwiGLU(8, 16, order=2)
        XSwiGLU(8, 16, order=2, bias=False)
    """

    def gate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)
