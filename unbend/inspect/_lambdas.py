"""Read the lambda layers of a network back as the linear functions that they make."""

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, cast, overload

import torch
from torch import Tensor, nn

from unbend._errors import ArgumentError, UnbendError, UnknownNameError, at_least, one_of


@dataclass(frozen=True)
class LambdaReading:
    """What one call of one lambda layer did: its output at query q of position n is `(content + position[n]).T @ q`.

    Args:
        path: where the layer is in the model; empty for the model itself.
        call: which call of that layer, from 0.
        kind: the layer's class.
        grid: of the queries, `(H, W)` or `(t,)`; position n counts row by row.
        queries: `(b, h, n, k)`.
        content: `(b, k, v)`, or `(b, n, k, v)` where each position has its own; None where the layer has none.
        position: `(b, n, k, v)`, or None.
        error: greatest distance of those functions' outputs from the layer's, over the greatest output.
    """

    path: str
    call: int
    kind: str
    grid: tuple[int, ...]
    queries: Tensor
    content: Tensor | None
    position: Tensor | None
    error: float

    def matrix(self, example: int, position: Sequence[int] | int) -> Tensor:
        """The whole linear function `(k, v)` of one example at one position, `(row, column)` or number."""
        number = _number(position, self.grid)
        parts = [lambdas[example] for lambdas in (self.content, self.position) if lambdas is not None]
        return sum((part if part.ndim == 2 else part[number] for part in parts), torch.zeros(()))

    def parts(self) -> dict[str, Tensor]:
        """The output `(b, h, n, v)`, taken apart into what content and position give."""
        named = {"content": self.content, "position": self.position}
        return {name: _apply(lambdas, self.queries) for name, lambdas in named.items() if lambdas is not None}

    @property
    def bytes(self) -> int:
        """Memory that the reading holds."""
        return sum(t.nbytes for t in (self.queries, self.content, self.position) if t is not None)


class Lambdas(Sequence[LambdaReading]):
    """The readings of a model's lambda layers, in the order of their calls; print it for a table."""

    def __init__(self, readings: Sequence[LambdaReading], x: Tensor) -> None:
        self._readings, self._x = tuple(readings), x

    @overload
    def __getitem__(self, index: int | str) -> LambdaReading: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[LambdaReading]: ...
    def __getitem__(self, index: int | str | slice) -> LambdaReading | Sequence[LambdaReading]:
        """By number, or by path (its first call)."""
        if isinstance(index, str):
            for reading in self._readings:
                if reading.path == index:
                    return reading
            raise UnknownNameError.of("path of a lambda layer", index, [reading.path for reading in self._readings])
        return self._readings[index]

    def __len__(self) -> int:
        return len(self._readings)

    @property
    def bytes(self) -> int:
        """Memory of all readings: what `lambdas` would hold, when this came of a dry run."""
        return sum(reading.bytes for reading in self)

    def figure(
        self, layer: int | str = 0, example: int = 0, positions: Sequence[Sequence[int] | int] | None = None
    ) -> Any:
        """An Altair chart of one example in one layer.

        Above, the input (where it is an image) and how large the two parts of the output are at each position; below,
        the matrices, each kind on one scale.

        Args:
            layer: number or path of a reading.
            example: which of the batch.
            positions: whose lambdas are drawn, as `(row, column)` or numbers; nine spread evenly when None.
        """
        from unbend.inspect._lambdas_figure_base import draw  # altair is slow to import, and only pictures need it

        reading = self[layer]
        if reading.queries.is_meta:
            raise ArgumentError.of("dry_run", True, "a reading with numbers in it", "Read again with dry_run=False.")
        b, heads, n, k = reading.queries.shape
        if not -b <= example < b:
            raise ArgumentError.of("example", example, f"one of the {b} examples")
        numbers = _spread(reading.grid) if positions is None else [_number(p, reading.grid) for p in positions]
        made = [reading.content, reading.position]
        depth = next(lambdas.shape[-1] for lambdas in made if lambdas is not None)
        content, position = (None if lambdas is None else lambdas[example].float() for lambdas in made)
        sizes = {name: part[example].float().square().mean((0, 2)).sqrt() for name, part in reading.parts().items()}
        title = (
            f"{reading.path or 'model'}: {reading.kind}" + (f", call {reading.call + 1}" if reading.call else ""),
            f"Example {example}. One {k} x {depth} linear function at each of {n} positions, shared by {heads} heads.",
            "Size: root mean square over heads and values.",
        )
        image = self._x[example].detach().cpu() if self._x.ndim == 4 and len(self._x) == b else None
        return draw(title, reading.grid, numbers, content, position, sizes, image)

    def plot(self, path: str | Path, layer: int | str = 0, example: int = 0, **more: Any) -> Path:
        """Save `figure` as .svg, .png, .html (self-contained) or .json; returns the path."""
        path = Path(path)
        kind = one_of(("svg", "png", "html", "json"), path=path.suffix[1:].lower())
        options: dict[str, Any] = {"png": {"scale_factor": 2}, "html": {"inline": True}}.get(kind, {})
        self.figure(layer, example, **more).save(str(path), format=kind, **options)
        return path

    def __str__(self) -> str:
        lines: list[tuple[str, ...]] = [("layer", "call", "kind", "grid", "content", "position", "memory", "error")]
        for r in self:
            shapes = [" x ".join(map(str, t.shape)) if t is not None else "-" for t in (r.content, r.position)]
            error = "dry run" if r.queries.is_meta else f"{r.error:.1e}"
            grid = " x ".join(map(str, r.grid))
            lines.append((r.path or "(model)", str(r.call), r.kind, grid, *shapes, _readable(r.bytes), error))
        widths = [max(map(len, column)) for column in zip(*lines)]
        table = "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
        return f"{table}\n{len(self)} readings, {_readable(self.bytes)}"

    def __repr__(self) -> str:
        return f"<Lambdas: {len(self)} readings, {_readable(self.bytes)}>"


def lambdas(model: nn.Module, x: Tensor, *, batch_size: int | None = None, dry_run: bool = False) -> Lambdas:
    """Run `model` on `x` and read every lambda layer that it calls as the linear functions of that call.

    Formula:
        y_hn = (content + position_n)^T q_hn

    Args:
        model: any module that holds, or is, a LambdaLayer, LambdaConv or CausalLambda. It runs without gradient in
            evaluation mode, and is left as it was, also after an error.
        x: what it is called with, examples first.
        batch_size: how many examples at once; all when None. The readings of the batches are joined.
        dry_run: run one example only, and return the shapes and memory (`.bytes`) of a reading of all, no numbers.

    Returns:
        A sequence of readings, one for each call: a layer used twice is read twice. Every one has been checked: its
        functions, applied to its queries, give the layer's output.

    Raises:
        ArgumentError: no lambda layer is in the model, or none was called.

    References:
        Bello (2021), LambdaNetworks: Modeling Long-Range Interactions Without Attention, arXiv:2102.08602.

    Examples:
        >>> from unbend.mixers import LambdaConv
        >>> read = lambdas(nn.Sequential(LambdaConv(8, 3, heads=2, key_dim=5)), torch.randn(3, 8, 4, 6))
        >>> read["0"].content.shape, read["0"].position.shape
        (torch.Size([3, 5, 4]), torch.Size([3, 24, 5, 4]))
        >>> read["0"].matrix(example=0, position=(1, 2)).shape
        torch.Size([5, 4])
    """
    model = cast(nn.Module, getattr(model, "_orig_mod", model))  # a compiled module does not run hooks added later
    layers = {path: module for path, module in model.named_modules() if _makes_lambdas(module)}
    if not layers:
        kinds = Counter(type(module).__name__ for module in model.modules())
        found = ", ".join(kind for kind, _ in kinds.most_common(8))
        raise ArgumentError.of("model", f"modules of type {found}", "a LambdaLayer, LambdaConv or CausalLambda in it")
    if not len(x):
        raise ArgumentError.of("x", f"shape {tuple(x.shape)}", "at least one example")
    size = len(x) if batch_size is None else at_least(1, batch_size=batch_size)
    batches = [_read(model, layers, batch) for batch in (x[:1] if dry_run else x).split(size)]
    if not batches[0]:
        raise ArgumentError.of("model", f"none of {', '.join(layers)} called", "a call of one of its lambda layers")
    if dry_run:
        return Lambdas([_forecast(reading, len(x)) for reading in batches[0]], x)
    return Lambdas(_join(batches), x)


def _makes_lambdas(module: nn.Module) -> bool:
    return all(callable(getattr(module, name, None)) for name in ("lambdas", "queries"))


def _read(model: nn.Module, layers: dict[str, nn.Module], x: Tensor) -> list[LambdaReading]:
    readings: list[LambdaReading] = []
    calls: Counter[str] = Counter()

    def listen(path: str, layer: Any) -> Any:
        def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
            content, position = layer.lambdas(*args, **kwargs)
            queries = layer.queries(args[0] if args else kwargs["x"])
            grid = tuple(output.shape[2:] if output.ndim == 4 else output.shape[1:2])
            kept = [None if t is None else t.detach().cpu() for t in (queries, content, position)]
            name = type(layer).__name__
            reading = LambdaReading(path, calls[path], name, grid, cast(Tensor, kept[0]), kept[1], kept[2], 0.0)
            readings.append(replace(reading, error=_error(reading, output.detach().cpu())))
            calls[path] += 1

        # First among the layer's hooks: another one may replace the output.
        return layer.register_forward_hook(hook, with_kwargs=True, prepend=True)

    with torch.no_grad(), _evaluating(model):
        handles = [listen(path, layer) for path, layer in layers.items()]
        try:
            model(x)
        finally:
            for handle in handles:
                handle.remove()
    return readings


@contextmanager
def _evaluating(model: nn.Module) -> Generator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _apply(lambdas: Tensor, queries: Tensor) -> Tensor:
    """Linear functions, one or one a position, applied to the queries: `(b, h, n, v)`."""
    return torch.einsum("bhnk,bkv->bhnv" if lambdas.ndim == 3 else "bhnk,bnkv->bhnv", queries, lambdas)


def _error(reading: LambdaReading, output: Tensor) -> float:
    """How far the functions miss the layer's output; an error where that is more than rounding."""
    parts = reading.parts().values()
    made = torch.stack(list(parts)).sum(0).transpose(1, 2).flatten(2)
    given = (output.flatten(2).transpose(1, 2) if output.ndim == 4 else output).to(made.dtype)
    if not given.numel() or not given.isfinite().all():
        return float("nan")
    error = float((made - given).abs().max() / given.abs().max().clamp(min=torch.finfo(given.dtype).tiny))
    if error > max(1e-3, 4 * torch.finfo(output.dtype).eps):
        raise UnbendError(f"{reading.path or 'model'}: its lambdas give another output than the layer ({error:.1e})")
    return error


def _forecast(reading: LambdaReading, examples: int) -> LambdaReading:
    """The reading of one example as that of `examples`, without memory."""
    tensors = {name: getattr(reading, name) for name in ("queries", "content", "position")}
    grown = {
        name: None if t is None else t.new_empty((len(t) * examples, *t.shape[1:]), device="meta")
        for name, t in tensors.items()
    }
    return replace(reading, **grown, error=float("nan"))


def _join(batches: list[list[LambdaReading]]) -> list[LambdaReading]:
    if len({tuple((r.path, r.call, r.grid) for r in batch) for batch in batches}) > 1:
        raise ArgumentError.of(
            "batch_size", "batches in which the model calls its layers differently", "batch_size=None"
        )
    return [_joined(same) for same in zip(*batches, strict=True)]


def _joined(same: tuple[LambdaReading, ...]) -> LambdaReading:
    if len(same) == 1:
        return same[0]
    tensors = {name: [getattr(r, name) for r in same] for name in ("queries", "content", "position")}
    whole = {name: None if rows[0] is None else torch.cat(rows) for name, rows in tensors.items()}
    return replace(same[0], **whole, error=max(r.error for r in same))


def _number(position: Sequence[int] | int, grid: tuple[int, ...]) -> int:
    """Position `(row, column)`, or number n, as its number."""
    at = (position,) if isinstance(position, int) else tuple(position)
    sizes = (prod(grid),) if isinstance(position, int) else grid
    if len(at) != len(sizes) or not all(0 <= place < size for place, size in zip(at, sizes)):
        raise ArgumentError.of("position", position, f"a place on the grid {grid}, or a number below {prod(grid)}")
    return at[0] * grid[1] + at[1] if len(at) == 2 else at[0]


def _spread(grid: tuple[int, ...]) -> list[int]:
    """Nine positions, or as many as there are, spread evenly."""
    most = 9 if len(grid) == 1 else 3
    axes = [sorted({int((i + 0.5) * size / most) for i in range(most)}) for size in grid]
    return [_number(at, grid) for at in product(*axes)]


def _readable(count: int) -> str:
    """A number of bytes as people say it."""
    size, unit = float(count), "B"
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.3g} {unit}"
