"""Energies and forces: by hand, by symmetry, by finite differences, and the same from tables."""

import pytest
import torch

from unbend.data._clusters import energy
from unbend.models import KANPotential, embedded_energy, forces, lennard_jones, morse, pair_energy


def cluster(atoms: int = 6, count: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 1.2 * torch.randn(count, atoms, 3, generator=generator, dtype=torch.float64)


def potential(**more) -> KANPotential:
    torch.manual_seed(0)
    return KANPotential(2.5, **{"curves": 4, "order": 8, "hidden": (7,), "dtype": torch.float64, **more})


def dimer(r: float) -> torch.Tensor:
    return torch.tensor([[0.0, 0.0, 0.0], [r, 0.0, 0.0]], dtype=torch.float64)


@pytest.mark.parametrize(("phi", "best"), [(lennard_jones, 2 ** (1 / 6)), (morse, 1.0)])
def test_a_pair_is_at_rest_at_its_least_energy(phi, best: float) -> None:
    assert pair_energy(dimer(best), phi).item() == pytest.approx(-1.0)
    at_rest, apart = (forces(lambda x: pair_energy(x, phi), dimer(r)) for r in (best, 1.3 * best))
    assert at_rest.abs().max() < 1e-9
    assert apart[0, 0] > 0, "they attract each other"
    torch.testing.assert_close(apart[0], -apart[1])


def test_pairs_add_up_to_the_generator_without_triples(monkeypatch) -> None:
    monkeypatch.setattr("unbend.data._clusters._TRIPLE", 0.0)
    places = cluster()
    torch.testing.assert_close(pair_energy(places, lennard_jones), torch.from_numpy(energy(places.numpy())))


def test_an_atom_sinks_into_the_density_of_all_others() -> None:
    # Three in a row: the middle one sees 2 exp(-1), the outer ones exp(-1) + exp(-2).
    row = torch.tensor([[0.0, 0, 0], [1.0, 0, 0], [2.0, 0, 0]], dtype=torch.float64)
    got = embedded_energy(row, torch.zeros_like, lambda r: torch.exp(-r), torch.square)
    e = torch.exp(torch.tensor(-1.0, dtype=torch.float64))
    torch.testing.assert_close(got, (2 * e) ** 2 + 2 * (e + e**2) ** 2)


@pytest.mark.parametrize("model", [potential, lambda: lambda x: pair_energy(x, lennard_jones)], ids=["kan", "pairs"])
def test_turning_moving_and_renaming_change_nothing(model) -> None:
    f, x = model(), cluster()
    turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))[0]
    order = torch.randperm(6)
    torch.testing.assert_close(f(x[:, order] @ turn + 3), f(x))
    torch.testing.assert_close(forces(f, x[:, order] @ turn + 3), forces(f, x)[:, order] @ turn)
    torch.testing.assert_close(forces(f, x).sum(1), torch.zeros(2, 3, dtype=torch.float64), msg="Newton's third law")


def test_forces_are_differences_of_energies() -> None:
    f, x = potential(), cluster(4, 1)
    force = forces(f, x)
    for atom, axis in ((0, 0), (1, 2), (3, 1)):
        step = torch.zeros_like(x)
        step[0, atom, axis] = 1e-5
        slope = (f(x + step) - f(x - step)).item() / 2e-5
        assert -slope == pytest.approx(force[0, atom, axis].item(), rel=1e-6, abs=1e-8)


def test_the_functions_are_the_first_layer_of_a_network_on_chebyshev_descriptors() -> None:
    f, x = potential(), cluster()
    steps = x[:, None] - x[:, :, None]
    r = steps.norm(dim=-1).clamp(min=1e-6)
    near = (torch.cos(torch.pi * (r / 2.5).clamp(max=1)) + 1) / 2 * (1 - torch.eye(6))
    t = torch.special.chebyshev_polynomial_t
    total = f.bias
    for n in range(9):
        radial = (t((2 * r / 2.5 - 1).clamp(-1, 1), n) * near).sum(-1)
        angular = torch.zeros_like(radial)
        for j in range(6):
            for k in range(j + 1, 6):
                cosine = (steps[:, :, j] * steps[:, :, k]).sum(-1) / r[:, :, j] / r[:, :, k]
                angular += t(cosine.clamp(-1, 1), n) * near[:, :, j] * near[:, :, k]
        total = total + radial[..., None] * f.radial.weight[:, n] + angular[..., None] * f.angular.weight[:, n]
    torch.testing.assert_close(f(x), f.body(total).sum(-2), atol=1e-6, rtol=0)


def test_energies_and_forces_from_tables() -> None:
    f, x = potential(), cluster()
    coarse, fine = (f.tabulated(points) for points in (20, 200))
    errors = [(g(x) - f(x)).abs().max().item() for g in (coarse, fine)]
    assert errors[1] < 1e-3 * errors[0]
    torch.testing.assert_close(forces(fine, x), forces(f, x), atol=1e-3, rtol=0)


def test_an_atom_beyond_the_radius_is_alone() -> None:
    f = potential()
    near = torch.cat([cluster(4, 1), torch.full((1, 1, 3), 50.0, dtype=torch.float64)], 1)
    alone = f(torch.zeros(1, 1, 3, dtype=torch.float64))
    torch.testing.assert_close(f(near), f(near[:, :4]) + alone)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="x: got"):
        potential()(torch.zeros(5, 3))
    with pytest.raises(ValueError, match="radius"):
        KANPotential(0.0)
