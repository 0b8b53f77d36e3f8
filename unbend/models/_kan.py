"""Networks of learned functions on the edges."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, one_of
from unbend.activations import KANLayer
from unbend.activations._kan_base import Base, BasisName
from unbend.models._kan_symbol_base import SymbolicFit, symbolic_fits

_MOST_EDGES = 300


class KAN(nn.Module):
    """Kolmogorov-Arnold network: layers of learned functions on the edges, and sums in the nodes.

    Formula:
        y = Phi_L(... Phi_2(Phi_1(x))),  (Phi x)_j = sum_i phi_ji(x_i)

    Shape:
        x: (*, widths[0]); y: (*, widths[-1]).

    Args:
        widths: nodes of each layer, the inputs first: `(2, 5, 1)`.
        grid: intervals of every grid.
        order: of the B-splines.
        base: of every edge; see `KANLayer`, as are the rest.
        basis: family of the curves.
        domain: of every grid at first; let `update_grid` move the inner ones to where the values are.
        noise: size of the curves at the start.

    Behaviour:
        An edge is `(l, i, j)`: in layer l, from input i to output j. Its size is the mean of |phi| over a batch. Values
        that leave the grid of the next layer meet its base alone: update the grids now and then in training.

    Departures:
        Nodes have no biases and factors of their own, which the authors' code adds and does not train as a rule. The
        penalty is the paper's, and not that of the code, which measures standard deviations.

    References:
        Liu et al. (2024), KAN: Kolmogorov-Arnold Networks, arXiv:2404.19756.

    Examples:
        >>> net = KAN((2, 5, 1))
        >>> net(torch.zeros(7, 2)).shape, sum(p.numel() for p in net.parameters())
        (torch.Size([7, 1]), 150)
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"widths": (5, 3, 2)}, (2, 3, 5)),
        Example({"widths": (5, 2), "basis": "chebyshev", "base": None}, (3, 5)),
    )

    def __init__(
        self,
        widths: Sequence[int],
        grid: int = 5,
        order: int = 3,
        *,
        base: Base = "silu",
        basis: BasisName = "bspline",
        domain: tuple[float, float] = (-1.0, 1.0),
        noise: float = 0.3,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if len(widths) < 2:
            raise ArgumentError.of("widths", widths, "two numbers or more")
        self.settings: dict[str, Any] = {"base": base, "basis": basis, "domain": domain, "noise": noise}
        where: dict[str, Any] = {**self.settings, "device": device, "dtype": dtype}
        self.layers = nn.ModuleList(KANLayer(a, b, grid, order, **where) for a, b in pairwise(widths))

    @property
    def widths(self) -> tuple[int, ...]:
        """Nodes of each layer, the inputs first."""
        return self._layers[0].in_features, *(layer.out_features for layer in self._layers)

    @property
    def _layers(self) -> list[KANLayer]:
        return cast(list[KANLayer], list(self.layers))

    def forward(self, x: Tensor) -> Tensor:
        """The output of the last layer."""
        for layer in self.layers:
            x = layer(x)
        return x

    def nodes(self, x: Tensor) -> list[Tensor]:
        """What stands in the nodes of every layer: the input first, the output last."""
        values = [x]
        for layer in self.layers:
            values.append(layer(values[-1]))
        return values

    def edge_function(self, l: int, i: int, j: int) -> Callable[[Tensor], Tensor]:  # noqa: E741  the paper's letter
        """The function on edge `(l, i, j)`, elementwise on tensors of any shape; it follows the network."""
        return self._layer(l).edge_function(i, j)

    def update_grid(self, x: Tensor, eps: float = 0.02) -> Self:
        """Move every grid to where the samples `x` put the values of its layer; see `KANLayer.update_grid`."""
        for layer in self._layers:
            layer.update_grid(x, eps)
            x = layer(x)
        return self

    def refine(self, grid: int) -> Self:
        """Change the number of intervals of every grid; see `KANLayer.refine`. Make the optimiser anew."""
        for layer in self._layers:
            layer.refine(grid)
        return self

    def penalty(self, x: Tensor, l1: float = 1.0, entropy: float = 1.0) -> Tensor:
        """The sum of the layers' penalties for a loss that wants few edges; see `KANLayer.penalty`."""
        parts = [layer.penalty(z, l1, entropy) for layer, z in zip(self._layers, self.nodes(x))]
        return torch.stack(parts).sum()

    @torch.no_grad()
    def sizes(self, x: Tensor) -> list[Tensor]:
        """Mean of |phi| of every edge over the batch `x`: a tensor `(out, in)` for each layer."""
        pairs = zip(self._layers, self.nodes(x))
        return [layer.edges(z).flatten(0, -3).abs().mean(0) for layer, z in pairs]

    @torch.no_grad()
    def prune(self, x: Tensor, nodes: float = 1e-2, edges: float = 0.0) -> "KAN":
        """A smaller copy, without the nodes that take or give little, and with the weakest edges masked.

        Args:
            x: a batch, on which sizes are measured.
            nodes: an inner node stays if the largest edge into it and the largest edge out of it exceed this; the best
                of a layer always stays.
            edges: those that stay must exceed this.
        """
        sizes = self.sizes(x)
        kept = [torch.arange(self.widths[0])]
        for into, out in pairwise(sizes):
            worth = torch.minimum(into.amax(1), out.amax(0))
            kept.append(torch.where(worth > min(nodes, 0.999 * float(worth.max())))[0])
        kept.append(torch.arange(self.widths[-1]))
        first = self._layers[0]
        where: dict[str, Any] = {"device": first.coef.device, "dtype": first.coef.dtype}
        widths = [len(rows) for rows in kept]
        small = KAN(widths, first.grid, first.order, **self.settings, **where)
        for old, new, into, out, size in zip(self._layers, small._layers, kept, kept[1:], sizes):
            new.refine(old.grid)
            chosen = {"knots": old.knots[into], "mask": (old.mask * (size > edges).to(old.mask.dtype))[out][:, into]}
            curves = {name: value[out][:, into] for name, value in old.named_parameters(recurse=False)}
            new.load_state_dict({**old.state_dict(), **chosen, **curves})
        return small

    @torch.no_grad()
    def symbolic_fit(
        self, edge: tuple[int, int, int], x: Tensor, names: Sequence[str] | None = None
    ) -> list[SymbolicFit]:
        """Known functions for one edge, `c * f(a * x + b) + d` with their R2 over the batch `x`; the best first.

        Args:
            edge: `(l, i, j)`.
            x: a batch of inputs of the network.
            names: elementary functions such as "sin(x)", or any name of `unbend.bend`; the elementary ones when None.
        """
        layer, i, j = edge
        phi = self.edge_function(layer, i, j)
        z = self.nodes(x)[layer].flatten(0, -2)[:, i]
        return symbolic_fits(z, phi(z), names)

    def formula(self, x: Tensor, names: Sequence[str] | None = None, digits: int = 4) -> list[Any]:
        """One sympy expression of `x_0, x_1, ...` for each output, every edge replaced by its best fit."""
        import sympy

        values: list[Any] = list(sympy.symbols([f"x_{i}" for i in range(self.widths[0])]))
        for at, layer in enumerate(self._layers):
            sums = [sympy.Integer(0)] * layer.out_features
            for j, i in layer.mask.nonzero().tolist():
                sums[j] += self.symbolic_fit((at, i, j), x, names)[0].expression(values[i], digits)
            values = sums
        return values

    @torch.no_grad()
    def figure(self, x: Tensor, beta: float = 3.0) -> Any:
        """An Altair chart: inputs above, outputs below, every curve over the range of its values in a box between.

        An edge is drawn with an opacity of `tanh(beta * size)`.
        """
        from unbend.models._kan_figure_base import draw  # altair is slow to import, and only pictures need it

        count = sum(layer.coef.shape[0] * layer.coef.shape[1] for layer in self._layers)
        if count > _MOST_EDGES:
            raise ArgumentError.of("network", f"{count} edges", f"at most {_MOST_EDGES} to draw", "Prune it first.")
        strength = [torch.tanh(beta * size).T.tolist() for size in self.sizes(x)]
        return draw([_curves(layer, z) for layer, z in zip(self._layers, self.nodes(x))], strength)

    def plot(self, path: str | Path, x: Tensor, beta: float = 3.0) -> Path:
        """Save `figure` as .svg, .png, .html (self-contained) or .json; returns the path."""
        path = Path(path)
        kind = one_of(("svg", "png", "html", "json"), path=path.suffix[1:].lower())
        options: dict[str, Any] = {"png": {"scale_factor": 2}, "html": {"inline": True}}.get(kind, {})
        self.figure(x, beta).save(str(path), format=kind, **options)
        return path

    def _layer(self, number: int) -> KANLayer:
        if not 0 <= number < len(self.layers):
            raise ArgumentError.of("l", number, f"0 to {len(self.layers) - 1}")
        return self._layers[number]

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"KAN({self.widths}, {self._layers[0].grid}, {self._layers[0].order}, {options})"


def _curves(layer: KANLayer, z: Tensor) -> list[list[list[tuple[float, float]]]]:
    """The points of every edge over the range of its input, both axes from 0 to 1."""
    rows = z.flatten(0, -2)
    share = torch.linspace(0, 1, 41, dtype=z.dtype, device=z.device)
    low, high = rows.amin(0), rows.amax(0)
    y = layer.edges(low + share[:, None] * (high - low))
    least, most = y.amin(0), y.amax(0)
    # A constant is drawn in the middle of its box.
    flat = most - least < 1e-9
    level = torch.where(flat, 0.5, (y - least) / torch.where(flat, 1.0, most - least))
    return [
        [list(zip(share.tolist(), level[:, j, i].tolist())) for j in range(layer.out_features)]
        for i in range(layer.in_features)
    ]
