"""See the calls that a model makes: while it runs on an example, or while torch.fx traces its modules."""

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
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
    """Run `model` as in evaluation, and leave behind no gradient, no mode and no random state."""
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            yield
    finally:
        for module, mode in training.items():
            module.training = mode


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

    def __init__(self, seen: Callable[[Subject, Sequence[Any], Mapping[str, Any], fx.Proxy], None]) -> None:
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


def overwritten(proxy: fx.Proxy) -> bool:
    """Whether the input of an in-place call is read again, so that it matters that it was overwritten."""
    order = {node: number for number, node in enumerate(proxy.node.graph.nodes)}
    return any(order[user] > order[proxy.node] for source in proxy.node.all_input_nodes[:1] for user in source.users)


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
