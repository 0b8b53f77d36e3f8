"""Classifying by rectified scores in the place of a softmax."""

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from unbend._errors import ArgumentError, one_of, positive

Mode = Literal["log", "normalised", "square", "softmax"]

_MODES = ("log", "normalised", "square", "softmax")


def relu_classifier_loss(scores: Tensor, target: Tensor, mode: Mode = "log", eps: float = 1e-7) -> Tensor:
    """Loss of a classifier that predicts the largest of `relu(scores)`.

    Formula:
        log: -log(max(o_y, eps))
        normalised: -log(p_y), p = (relu(o) + eps) / sum_j (relu(o_j) + eps)
        square: sum_j (relu(o_j) - [j = y])^2
        softmax: -log(softmax(o)_y), to compare with

    Shape:
        scores: (*, classes), floating;  target: (*), int64;  the loss is the mean over all rows, a scalar.

    Args:
        scores: o, before the ReLU.
        target: y, the number of the true class.
        mode: "log" is the paper's cross-entropy with the rectified score in the place of a probability.
        eps: least value under the logarithm.

    Behaviour:
        In mode "log" the gradient is -1/o_y for the true class where o_y > eps, and 0 for every other score: no wrong
        class is pushed down, and a true class that has fallen silent gets no gradient. Losses below 0 are possible.

    Departures:
        The paper does not say what becomes of log 0; the floor eps is ours. The authors' repository trains with the
        softmax and has ReLU in hidden layers only; this is the loss that the paper describes.

    References:
        Agarap (2018), Deep Learning using Rectified Linear Units (ReLU), arXiv:1803.08375.

    Examples:
        >>> import torch
        >>> relu_classifier_loss(torch.tensor([[0.5, 2.0, -1.0]]), torch.tensor([0]))
        tensor(0.6931)
    """
    one_of(_MODES, mode=mode)
    positive(eps=eps)
    if not scores.dim() or target.shape != scores.shape[:-1]:
        raise ArgumentError.of("target", tuple(target.shape), f"shape {tuple(scores.shape[:-1])}, the scores' rows")
    if mode == "softmax":
        return F.cross_entropy(scores.flatten(0, -2), target.flatten())
    if mode == "square":
        wanted = F.one_hot(target, scores.shape[-1]).to(scores.dtype)
        return (F.relu(scores) - wanted).square().sum(-1).mean()
    true = scores.gather(-1, target.unsqueeze(-1)).squeeze(-1)
    if mode == "log":
        return -true.clamp(min=eps).log().mean()
    return ((F.relu(scores) + eps).sum(-1).log() - (F.relu(true) + eps).log()).mean()


def silent(scores: Tensor) -> Tensor:
    """Rows without a positive score: their prediction says nothing, and is class 0.

    Formula:
        silent_i = max_j o_ij <= 0

    Args:
        scores: shape (*, classes), before the ReLU.

    Returns:
        Booleans of shape (*).

    References:
        Agarap (2018), Deep Learning using Rectified Linear Units (ReLU), arXiv:1803.08375.

    Examples:
        >>> import torch
        >>> silent(torch.tensor([[0.5, -1.0], [-0.5, 0.0]]))
        tensor([False,  True])
    """
    return scores.amax(-1) <= 0
