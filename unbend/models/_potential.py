"""Energies of atoms as Kolmogorov-Arnold networks on distances and angles."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from unbend._contract import Example
from unbend._errors import ArgumentError, positive
from unbend.models._curves_base import ChebyshevCurves, Curve, Kind, tabulate


def lennard_jones(r: Tensor, depth: float = 1.0, diameter: float = 1.0) -> Tensor:
    """Energy of a pair at distance `r`.

    Formula:
        4 * depth * ((diameter / r)^12 - (diameter / r)^6)

    Examples:
        >>> lennard_jones(torch.tensor([1.0, 2 ** (1 / 6)]))
        tensor([ 0., -1.])
    """
    sixth = (diameter / r) ** 6
    return 4 * depth * (sixth * sixth - sixth)


def morse(r: Tensor, depth: float = 1.0, length: float = 1.0, stiffness: float = 6.0) -> Tensor:
    """Energy of a pair at distance `r`, least at `length`.

    Formula:
        depth * ((1 - exp(-stiffness * (r - length)))^2 - 1)

    Examples:
        >>> morse(torch.tensor([1.0]))
        tensor([-1.])
    """
    return depth * ((1 - torch.exp(-stiffness * (r - length))) ** 2 - 1)


def cutoff(r: Tensor, radius: float) -> Tensor:
    """Weight of a neighbour: 1 at distance 0, and 0 with slope 0 from `radius` on.

    Formula:
        (cos(pi * r / radius) + 1) / 2 for r < radius

    Examples:
        >>> cutoff(torch.tensor([0.0, 1.0, 2.0, 3.0]), 2.0)
        tensor([1.0000, 0.5000, 0.0000, 0.0000])
    """
    return (torch.cos(torch.pi * (r / radius).clamp(max=1)) + 1) / 2


def pair_energy(positions: Tensor, phi: Curve) -> Tensor:
    """Energy of pairs: a Kolmogorov-Arnold network of one layer on the distances.

    Formula:
        E = sum_{i < j} phi(r_ij)

    Args:
        positions: (*, atoms, 3).
        phi: elementwise, such as `lennard_jones`.

    Returns:
        Energies, (*).

    References:
        Nagai, Okumura (2024), Kolmogorov-Arnold networks in molecular dynamics, arXiv:2407.17774.

    Examples:
        >>> pair_energy(torch.tensor([[0.0, 0, 0], [1.0, 0, 0]]), lennard_jones)
        tensor(0.)
    """
    i, j = torch.triu_indices(positions.shape[-2], positions.shape[-2], 1, device=positions.device)
    return phi(_length(positions[..., i, :] - positions[..., j, :])).sum(-1)


def embedded_energy(positions: Tensor, phi: Curve, rho: Curve, embed: Curve) -> Tensor:
    """Energy by the embedded atom method: a Kolmogorov-Arnold network of two layers on the distances.

    Formula:
        E = sum_i F(sum_{j != i} rho(r_ij)) + sum_{i < j} phi(r_ij)

    Args:
        positions: (*, atoms, 3).
        phi: energy of a pair.
        rho: density that a neighbour lends.
        embed: F, the energy of an atom in a density.

    Returns:
        Energies, (*).

    References:
        Nagai, Okumura (2024), Kolmogorov-Arnold networks in molecular dynamics, arXiv:2407.17774.

    Examples:
        >>> pair = torch.tensor([[0.0, 0, 0], [1.0, 0, 0]])
        >>> embedded_energy(pair, lennard_jones, lambda r: torch.exp(-r), lambda d: -d.sqrt())
        tensor(-1.2131)
    """
    _, r, others = _neighbours(positions)
    density = (rho(r) * others).sum(-1)
    return embed(density).sum(-1) + pair_energy(positions, phi)


def forces(energy: Curve, positions: Tensor) -> Tensor:
    """Minus the gradient of `energy(positions)`, shaped like the positions.

    Examples:
        >>> pair = torch.tensor([[0.0, 0, 0], [2 ** (1 / 6), 0, 0]])
        >>> bool(forces(lambda x: pair_energy(x, lennard_jones), pair).abs().max() < 1e-4)
        True
    """
    with torch.enable_grad():
        at = positions.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(energy(at).sum(), at)
    return -gradient


class KANPotential(nn.Module):
    """Energy of a cluster, its descriptors summed from few learned functions of distance and of angle.

    Formula:
        D_il = sum_{j != i} phi_l(r_ij) f(r_ij) + sum_{j < k} psi_l(cos(theta_jik)) f(r_ij) f(r_ik)
        E = sum_i N(D_i)

    Shape:
        x: (b, atoms, 3), positions; y: (b, 1), energies.

    Args:
        radius: beyond it, in the units of the positions, an atom is no neighbour; f is `cutoff`.
        curves: L, how many functions of each sort.
        order: degree of their Chebyshev polynomials.
        hidden: widths of N behind its first layer, which lies within the functions.
        angles: whether psi is there.
        device: where the parameters lie.
        dtype: their type.

    Behaviour:
        Usual descriptors are G_n = sum_j T_n(r_ij) f(r_ij), and the network's first layer sums them: phi_l is that sum,
        so that the energies are those of a network on `order` + 1 radial and as many angular descriptors. `tabulated`
        replaces the functions by tables, whose cost does not grow with the order. Invariant to rotations, translations
        and permutations; memory grows with atoms^3 where angles count.

    Departures:
        The paper could not be read beyond its abstract: basis, number of functions and network are ours.

    References:
        Nagai, Okumura (2024), Kolmogorov-Arnold networks in molecular dynamics, arXiv:2407.17774.

    Examples:
        >>> KANPotential(2.5)(torch.randn(2, 5, 3)).shape
        torch.Size([2, 1])
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"radius": 3.0, "curves": 2, "order": 3, "hidden": (7,)}, (2, 5, 3), largest=1e9),
        Example({"radius": 3.0, "curves": 3, "order": 2, "hidden": (), "angles": False}, (2, 5, 3), largest=1e9),
    )

    def __init__(
        self,
        radius: float,
        curves: int = 16,
        order: int = 10,
        hidden: Sequence[int] = (16,),
        angles: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.radius, self.order, self.hidden = positive(radius=radius), order, tuple(hidden)
        self.radial: nn.Module = ChebyshevCurves(curves, order, 0.0, radius, device=device, dtype=dtype)
        self.angular: nn.Module | None = ChebyshevCurves(curves, order, device=device, dtype=dtype) if angles else None
        self.bias = nn.Parameter(torch.zeros(curves, device=device, dtype=dtype))
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise((curves, *self.hidden, 1)):
            layers += [nn.Tanh(), nn.Linear(fan_in, fan_out, device=device, dtype=dtype)]
        self.body = nn.Sequential(*layers)

    def descriptors(self, positions: Tensor) -> Tensor:
        """D, (b, atoms, curves)."""
        steps, r, others = _neighbours(positions)
        near = cutoff(r, self.radius) * others
        found = (self.radial(r) * near[..., None]).sum(-2)
        if self.angular is None:
            return found
        directions = steps / r[..., None]
        cosines = (directions @ directions.mT).clamp(-1, 1)
        # Every pair of different neighbours once: half of all ordered ones.
        weights = near[..., :, None] * near[..., None, :] * others / 2
        return found + torch.einsum("...jkl,...jk->...l", self.angular(cosines), weights)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 3 or x.shape[-1] != 3:
            raise ArgumentError.of("x", tuple(x.shape), "shape (b, atoms, 3)")
        return self.body(self.descriptors(x) + self.bias).sum(-2)

    def tabulated(self, points: int, kind: Kind = "cubic") -> "KANPotential":
        """A copy that reads its functions from tables of `points` points."""
        other = KANPotential(self.radius, len(self.bias), self.order, self.hidden, self.angular is not None)
        other.to(self.bias)
        other.load_state_dict(self.state_dict())
        other.radial = tabulate(self.radial, 0.0, self.radius, points, kind)
        if self.angular is not None:
            other.angular = tabulate(self.angular, -1.0, 1.0, points, kind)
        return other

    def __repr__(self) -> str:
        angles = self.angular is not None
        return f"KANPotential({self.radius}, {len(self.bias)}, {self.order}, {self.hidden}, angles={angles})"


def _length(steps: Tensor) -> Tensor:
    """Distances; atoms in one place are at a tiny one, where the root still has a slope."""
    return steps.square().sum(-1).clamp(min=1e-12).sqrt()


def _neighbours(positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Steps from every atom to every other, their lengths, and which are no steps from an atom to itself."""
    steps = positions[..., None, :, :] - positions[..., :, None, :]
    others = 1 - torch.eye(positions.shape[-2], device=positions.device, dtype=positions.dtype)
    return steps, _length(steps), others
