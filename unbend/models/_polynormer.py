"""A graph transformer whose layers multiply: first over edges, then over all nodes in linear time."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Protocol, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unbend._contract import Example
from unbend._errors import ArgumentError, at_least, one_of
from unbend.mixers import PolyGlobalLayer, PolyLocalLayer

Stage = Literal["local", "global"]


class Graph(Protocol):
    """What `torch_geometric.data.Data` is, as far as a network looks at it."""

    @property
    def x(self) -> Tensor: ...
    @property
    def edge_index(self) -> Tensor: ...


class Polynormer(nn.Module):
    """Graph transformer that is nearly a polynomial of its inputs, of a degree that doubles with every layer.

    Formula:
        x_0 = x I + i,  x_l = local_l(x_{l-1}, edges),  s = x_1 + ... + x_L
        y = s P + p in the stage "local"
        y = global_G(... global_1(layer_norm(s))) Q + q in the stage "global"

    Shape:
        x: (*, n, features), n nodes;  edges: (2, m);  y: (*, n, outputs).

    Args:
        features: numbers of a node.
        dim: width, a multiple of `heads`.
        outputs: numbers predicted for a node.
        layers: how many local and how many global layers.
        heads: of all layers.
        beta: see `PolyLocalLayer`, as are the next three.
        relu: whether layers have their ReLU.
        norm: whether layers have their layer norm.
        attention: whether neighbours are weighed.
        stage: which of the two outputs it starts with; "local" is the only one without global layers.
        dropouts: of the inputs, of local layers and their input, of global layers.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Time L (m dim + n dim^2) + G n dim^2, memory (L + G) n dim + m. Outputs move with the nodes when these are
        renumbered. Training starts in the stage "local"; `switch("global")` goes on from there. Parameters that a
        stage does not use have `requires_grad` False in it; an optimiser made before the switch takes them up. Anything
        with `x` and `edge_index`, such as torch_geometric's `Data`, serves in the place of `x`.

    Departures:
        See `PolyLocalLayer` and `PolyGlobalLayer`.

    References:
        Deng, Yue, Zhang (2024), Polynormer: Polynomial-Expressive Graph Transformer in Linear Time, arXiv:2403.01232.

    Examples:
        >>> net = Polynormer(5, 8, 3, heads=2)
        >>> ring = torch.stack([torch.arange(11), torch.arange(11).roll(1)])
        >>> net(torch.randn(11, 5), ring).shape
        torch.Size([11, 3])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"features": 5, "dim": 6, "outputs": 3, "layers": (1, 1), "heads": 2}, (3, 7, 5), largest=1e4),
        Example({"features": 5, "dim": 6, "outputs": 3, "layers": (2, 0), "stage": "local"}, (2, 7, 5), largest=1e4),
    )

    def __init__(
        self,
        features: int,
        dim: int,
        outputs: int,
        layers: Sequence[int] = (3, 2),
        *,
        heads: int = 1,
        beta: float | None = None,
        relu: bool = True,
        norm: bool = True,
        attention: bool = True,
        stage: Stage = "global",
        dropouts: Sequence[float] = (0.0, 0.0, 0.0),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.features, self.dim = at_least(1, features=features), at_least(1, dim=dim)
        self.outputs, self.heads = at_least(1, outputs=outputs), at_least(1, heads=heads)
        if len(layers) != 2 or layers[0] < 1 or layers[1] < 0:
            raise ArgumentError.of("layers", layers, "at least one local layer, and a number of global ones")
        if len(dropouts) != 3:
            raise ArgumentError.of("dropouts", dropouts, "three: of inputs, of local layers, of global layers")
        self.layers, self.dropouts = tuple(layers), tuple(dropouts)
        self.settings: dict[str, Any] = {"beta": beta, "relu": relu, "norm": norm, "attention": attention}
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        given = {**self.settings, **place}
        self.embed = nn.Linear(features, dim, **place)
        self.locals = nn.ModuleList(
            [PolyLocalLayer(dim, heads, dropout=dropouts[1], **given) for _ in range(layers[0])]
        )
        self.local_head = nn.Linear(dim, outputs, **place)
        self.globals = nn.ModuleList(
            [PolyGlobalLayer(dim, heads, dropout=dropouts[2], **given) for _ in range(layers[1])]
        )
        if layers[1]:
            self.norm = nn.LayerNorm(dim, **place) if norm else nn.Identity()
            self.global_head = nn.Linear(dim, outputs, **place)
        self.switch(stage)

    def switch(self, stage: Stage) -> None:
        """Go on in the stage "local" or "global"."""
        self.stage = cast(Stage, one_of(get_args(Stage), stage=stage))
        if stage == "global" and not self.globals:
            raise ArgumentError.of("stage", stage, "'local'", "There are no global layers.")
        self.local_head.requires_grad_(stage == "local")
        if self.globals:
            for part in (self.globals, self.norm, self.global_head):
                part.requires_grad_(stage == "global")

    def forward(self, x: "Tensor | Graph", edges: Tensor | None = None) -> Tensor:
        if not isinstance(x, Tensor):
            return self(x.x, x.edge_index)
        if x.ndim < 2 or x.shape[-1] != self.features:
            raise ArgumentError.of("x", tuple(x.shape), f"shape (*, n, {self.features})")
        inner = self.embed(F.dropout(x, self.dropouts[0], self.training))
        inner = F.dropout(inner, self.dropouts[1], self.training)
        total = torch.zeros_like(inner)
        for layer in self.locals:
            inner = layer(inner, edges)
            total = total + inner
        if self.stage == "local":
            return self.local_head(total)
        inner = self.norm(total)
        for layer in self.globals:
            inner = layer(inner)
        return self.global_head(inner)

    def __repr__(self) -> str:
        given = {"heads": self.heads, **self.settings, "stage": self.stage, "dropouts": self.dropouts}
        shown = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"Polynormer({self.features}, {self.dim}, {self.outputs}, {self.layers}, {shown})"
