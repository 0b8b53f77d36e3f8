"""See the calls that a model makes: while it runs on an example, or while torch.fx traces its modules."""

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, fx, nn
from torch.overrides import TorchFunctionMode

from unbend.surgery._family_base import Function

Subject = nn.Module | Function


class Around(Protocol):
    """What is run in place of a watched call; it makes the call itself by `run(*args, **kwargs)`."""

    def __call__(
        self,
        subject: Subject,
        run: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any: ...


@contextmanager
def watching(functions: Collection[Function], modules: Iterable[nn.Module], around: Around) -> Generator[None]:
    """Within this context every call of `functions` and of `modules` goes through `around`."""
    with ExitStack() as stack:
        for module in modules:
            stack.enter_context(_forward_through(module, around))
        stack.enter_context(_Watch(functions, around))
        yield


@contextmanager
def quietly(model: nn.Module) -> Generator[None]:
    """Run `model` as in evaluation, and leave it, and the random numbers, as if it had not run."""
    attributes = {module: dict(vars(module)) for module in model.modules()}
    buffers = [(m, name, b, b.clone()) for m in model.modules() for name, b in m.named_buffers(recurse=False)]
    model.eval()
    try:
        with torch.no_grad(), same_random(), _uncompiled(model):
            yield
    finally:
        for module, kept in attributes.items():
            for name in vars(module).keys() - kept.keys():
                del vars(module)[name]
            vars(module).update(kept)
        with torch.no_grad():
            for module, name, buffer, value in buffers:
                setattr(module, name, buffer)
                if not (buffer.is_meta or torch.equal(buffer, value)):
                    buffer.copy_(value)


def same_random() -> AbstractContextManager[Any]:
    """Leave the random numbers as if nothing had been drawn within this context."""
    return torch.random.fork_rng(devices=range(torch.cuda.device_count()))


def _uncompiled(model: nn.Module) -> AbstractContextManager[Any]:
    # Compiled code makes no calls that could be seen. The import of the compiler takes seconds: only where it is used.
    compiled = any(getattr(module, "_compiled_call_impl", None) for module in model.modules())
    if compiled or any(isinstance(getattr(module, "_orig_mod", None), nn.Module) for module in model.modules()):
        return torch.compiler.set_stance("force_eager")
    return nullcontext()


def feed(model: nn.Module, batch: Any) -> Any:
    """Call `model` on a batch: a tuple holds its arguments, a mapping its keywords, anything else is the one input."""
    if isinstance(batch, tuple):
        return model(*batch)
    if isinstance(batch, Mapping):
        return model(**batch)
    return model(batch)


def tensors(output: Any) -> list[Tensor]:
    """The floating tensors of an output, however it is nested."""
    if isinstance(output, Tensor):
        return [output] if output.is_floating_point() else []
    if isinstance(output, Mapping):
        output = list(output.values())
    return [found for item in output for found in tensors(item)] if isinstance(output, list | tuple) else []


Seen = Callable[[Subject, Sequence[Any], Mapping[str, Any], fx.Proxy], None]


class Traced(fx.Tracer):
    """Traces the methods of one module, its children left whole; `seen` hears of each call of a function or a child."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return True

    def create_proxy(self, kind: str, target: Any, args: Any, kwargs: Any, *rest: Any, **more: Any) -> fx.Proxy:
        proxy = super().create_proxy(kind, target, args, kwargs, *rest, **more)
        subject = target
        if kind == "call_method":
            subject = getattr(Tensor, target, None)
        elif kind == "call_module":
            subject = self.root.get_submodule(target)
        elif kind != "call_function":
            return proxy
        if subject is not None:
            self.seen(subject, [self._value(a) for a in args], kwargs, proxy)
        return proxy

    def _value(self, argument: Any) -> Any:
        # A parameter that is handed to a function is known while tracing, unlike what is computed.
        if isinstance(argument, fx.Proxy) and argument.node.op == "get_attr":
            path, _, name = str(argument.node.target).rpartition(".")
            return getattr(self.root.get_submodule(path), name)
        return argument


# Reading these of a tensor does not read its values.
_METADATA = frozenset(
    ("size", "dim", "numel", "stride", "shape", "dtype", "device", "ndim", "layout", "requires_grad", "is_contiguous",
     "is_floating_point", "element_size", "nelement", "__len__", "__repr__")
)  # fmt: skip


def overwritten(proxy: fx.Proxy) -> bool:
    """Whether the input of a traced in-place call is read again, so that it matters that it was overwritten."""

    def reads(user: fx.Node) -> bool:
        return str(user.args[1] if user.target is getattr else user.target) not in _METADATA

    order = {node: number for number, node in enumerate(proxy.node.graph.nodes)}
    later = [u for node in proxy.node.all_input_nodes[:1] for u in node.users if order[u] > order[proxy.node]]
    return any(map(reads, later))


class Rereads(TorchFunctionMode):
    """Notes which of the tensors given to `expire` are read after that, by themselves or as part of another."""

    def __init__(self) -> None:
        super().__init__()
        self.expired: dict[int, list[tuple[Tensor, Any]]] = {}
        self.read: list[Any] = []

    def expire(self, tensor: Tensor, tag: Any) -> None:
        """From now on a reader of `tensor` puts `tag` into `read`."""
        self.expired.setdefault(_memory(tensor), []).append((tensor, tag))

    def __torch_function__(
        self, func: Function, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name == "__get__":
            name = getattr(getattr(func, "__self__", None), "__name__", "")
        if self.expired and name not in _METADATA:
            for tensor in tensors((*args, *(kwargs or {}).values())):
                self.read += [tag for _, tag in self.expired.get(_memory(tensor), ())]
        return func(*args, **(kwargs or {}))


def _memory(tensor: Tensor) -> int:
    """What tells the memory of a tensor from that of others; without memory, the tensor itself."""
    return tensor.untyped_storage().data_ptr() or id(tensor)


class _Watch(TorchFunctionMode):
    def __init__(self, functions: Collection[Function], around: Around) -> None:
        super().__init__()
        self.functions = functions
        self.around = around

    def __torch_function__(
        self, func: Function, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func not in self.functions:
            return func(*args, **(kwargs or {}))
        return self.around(func, func, args, kwargs or {})


@contextmanager
def _forward_through(module: nn.Module, around: Around) -> Generator[None]:
    own = vars(module).get("forward")
    run = module.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        return around(module, run, args, kwargs)

    module.forward = forward
    try:
        yield
    finally:
        if own is None:
            del module.forward
        else:
            module.forward = own
