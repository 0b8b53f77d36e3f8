"""Memory that is not yet written reads as nan."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor


@contextmanager
def poisoned() -> Generator[None]:
    """Within, `torch.empty` and its kin return nan, so that a cell which nobody writes turns up in the result.

    Whole numbers come as 101, a number that is no index of anything small.
    """
    # The first use of a device context notes which functions make tensors: it must see the true ones.
    with torch.device("meta"):
        torch.empty(0)
    with (
        patch.object(torch, "empty", _poison(torch.empty)),
        patch.object(torch, "empty_like", _poison(torch.empty_like)),
        patch.object(torch.Tensor, "new_empty", _poison(torch.Tensor.new_empty)),
    ):
        yield


def _poison(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @wraps(make)
    def poisoned_make(*args: Any, **kwargs: Any) -> Tensor:
        made = make(*args, **kwargs)
        with torch.no_grad():
            if made.is_floating_point() or made.is_complex():
                made.detach().fill_(float("nan"))
            elif made.dtype != torch.bool:
                made.fill_(101)
        return made

    return poisoned_make
