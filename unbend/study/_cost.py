"""Counted operations and peak memory of a network: the same on every machine, unlike its time."""

import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry


@dataclass(frozen=True)
class Cost:
    """Operations of one forward pass.

    `matrix` is torch's own count: products and sums of matrix products and convolutions, two for each pair.
    `elementwise` is what that leaves out. `uncounted` names the operators that neither knows.
    """

    matrix: float
    elementwise: float
    uncounted: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        return self.matrix + self.elementwise


def count_operations(model: nn.Module, *inputs: Tensor) -> Cost:
    """Count the operations of `model(*inputs)`, in evaluation mode and without gradients.

    An elementary function of a number counts one, `exp` as much as `+`: a count of work, not a forecast of time. An
    operator that does several, such as a softmax, counts each; moving numbers about counts none. A bend of unbend says
    itself, by `cost()`, what each number costs.

    Args:
        model: any module, on any device; on `meta` nothing is computed.
        inputs: what it is called with.

    Examples:
        >>> count_operations(nn.Sequential(nn.Linear(3, 5), nn.ReLU()), torch.ones(1, 3))
        Cost(matrix=30, elementwise=5, uncounted=())
    """
    training = [module for module in model.modules() if module.training]
    counter = _Counter()
    model.eval()
    try:
        # Attention counts as its formula, whichever fused kernel would run.
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), _own_costs(model, counter), counter:
            model(*inputs)
    finally:
        for module in training:
            module.training = True
    return Cost(counter.matrix, counter.elementwise, tuple(sorted(counter.uncounted)))


class PeakMemory(TorchDispatchMode):
    """Follows the bytes of the tensors made within its block that are alive at once; `.bytes` is their peak.

    Buffers that an operator uses inside and frees again are not seen, and what was there before, such as the weights,
    is not counted.

    Examples:
        >>> with PeakMemory() as peak:
        ...     total = (torch.ones(256) + 1).exp().sum()
        >>> peak.bytes
        2048
    """

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0
        self._live = 0
        self._known = set[int]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        # A view shares the storage of its input, which has been counted by now, or was there before.
        for tensor in _tensors((args, kwargs)):
            self._meet(tensor, 0)
        out = func(*args, **(kwargs or {}))
        for tensor in _tensors(out):
            self._meet(tensor, tensor.untyped_storage().nbytes())
        return out

    def _meet(self, tensor: Tensor, size: int) -> None:
        storage = tensor.untyped_storage()
        address = storage.data_ptr()
        if address and address not in self._known:
            self._known.add(address)
            self._live += size
            self.bytes = max(self.bytes, self._live)
            weakref.finalize(storage, self._forget, address, size)

    def _forget(self, address: int, size: int) -> None:
        self._known.discard(address)
        self._live -= size


@runtime_checkable
class _Bend(Protocol):
    """A bend, known by its faces: by its class, the digest of every trial would hang on all that a bend can do."""

    def cost(self) -> Any: ...

    def gain(self) -> float: ...


class _Counter(TorchDispatchMode):
    """Sums the price of every operator."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = self.elementwise = 0
        self.uncounted = set[str]()
        self.paused = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if self.paused:
            return out
        packet = func.overloadpacket
        if packet in _MATRIX:
            self.matrix += _MATRIX[packet](*(_shapes(arg) for arg in args))
        elif packet in flop_registry:
            self.matrix += flop_registry[packet](*args, **kwargs, out_val=out)
        self.elementwise += self._price(func, args, _numbers(out))
        return out

    def _price(self, func: Any, args: Any, numbers: int) -> int:
        packet = func.overloadpacket
        name = packet.__name__.rstrip("_")
        if name in _PRICES:
            return _PRICES[name] * numbers
        if not numbers or func.is_view or name in _FREE or packet in flop_registry or packet in _MATRIX:
            return 0
        if name in _WINDOWS:
            return numbers * prod(args[1])
        if name in _SUMS or torch.Tag.reduction in func.tags:
            return _numbers(args[0])
        if torch.Tag.pointwise in func.tags:
            return numbers
        self.uncounted.add(str(func))
        return 0


@contextmanager
def _own_costs(model: nn.Module, counter: _Counter) -> Generator[None]:
    """Let a bend be counted by what it says, and not by the operators within."""
    handles: list[Any] = []

    def enter(bend: Any, args: Any) -> None:
        counter.paused += 1

    def leave(bend: Any, args: Any, out: Any) -> None:
        counter.paused -= 1
        counter.elementwise += bend.cost().total * _numbers(out)

    for module in model.modules():
        if isinstance(module, _Bend):
            handles += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _numbers(tree: Any) -> int:
    """How many numbers the first tensor holds; what an operator returns behind it are by-products."""
    tensors = _tensors(tree)
    return tensors[0].numel() if tensors else 0


def _shapes(arg: Any) -> Any:
    return tuple(arg.shape) if isinstance(arg, Tensor) else arg


def _dot(a: Any, *others: Any) -> int:
    return 2 * prod(a)


def _recurrent(x: Any, from_input: Any, from_state: Any, *others: Any) -> int:
    return 2 * prod(x[:2]) * (prod(from_input) + prod(from_state))


# Matrix products that torch's counter leaves out, by the shapes of what goes in.
_MATRIX: dict[Any, Callable[..., int]] = {
    torch.ops.aten.mv: _dot,
    torch.ops.aten.dot: _dot,
    torch.ops.aten.mkldnn_rnn_layer: _recurrent,
}

# Operators of torch by name. Those that are missing here count one for each number that comes out where torch tags them
# as pointwise, one for each that goes in where it tags them as reductions, and are named as uncounted otherwise.
_FREE = frozenset({
    "cat", "stack", "clone", "copy", "_to_copy", "constant_pad_nd", "index", "index_select", "gather", "embedding",
    "eye", "_unsafe_view", "_reshape_alias", "arange", "linspace", "zeros", "ones", "full", "empty", "zeros_like",
    "ones_like", "full_like", "empty_like", "new_zeros", "new_ones", "new_empty", "new_full", "fill", "zero",
    "lift_fresh", "roll", "flip", "im2col", "col2im", "tril", "triu", "repeat", "slice_scatter", "unsafe_split",
    "split_with_sizes",
})  # fmt: skip
_SUMS = frozenset({"cumsum", "cumprod", "_adaptive_avg_pool2d"})
_WINDOWS = frozenset({"avg_pool2d", "avg_pool3d", "max_pool2d_with_indices"})
# As in the cost of a bend, sigmoid, softplus and the normal distribution function count as one.
_PRICES = {
    "addcmul": 2, "addcdiv": 2, "lerp": 3, "clamp": 2, "hardtanh": 2, "leaky_relu": 2, "_prelu_kernel": 2, "rsqrt": 2,
    "silu": 2, "gelu": 2, "mish": 3, "elu": 3, "hardswish": 5, "hardsigmoid": 4, "log_sigmoid_forward": 3,
    "logaddexp": 5, "_softmax": 5, "_safe_softmax": 5, "_log_softmax": 5, "logsumexp": 4, "native_layer_norm": 7,
    "native_group_norm": 7, "native_batch_norm": 4, "_native_batch_norm_legit": 4,
    "_native_batch_norm_legit_no_training": 4, "upsample_bilinear2d": 7, "mkldnn_rnn_layer": 13,
}  # fmt: skip
