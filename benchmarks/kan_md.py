"""Functions of atoms from tables against their polynomials, by order, and a table against scipy's splines."""

import numpy as np
import torch
from _measure import Call, main
from scipy.interpolate import CubicSpline

from unbend.models import KANPotential, forces, lennard_jones, tabulate

POLYNOMIALS, SCIPY = "its polynomials", "scipy CubicSpline"
ITEMS = {
    POLYNOMIALS: [f"order {order}, {what}" for order in (10, 20, 50) for what in ("energies", "forces")],
    SCIPY: ["a million distances"],
}
BATCH, ATOMS, POINTS = 32, 13, 2000


def sides(peer: str, item: str, check: bool) -> tuple[Call, Call]:
    """The two calls of an item; if asked to, stops where they differ."""
    torch.manual_seed(0)
    if peer == SCIPY:
        return table(check)
    order, what = item.split(", ")
    model = KANPotential(2.5, curves=4, order=int(order.split()[1]))
    read = model.tabulated(POINTS)
    x = 1.2 * torch.randn(BATCH, ATOMS, 3)
    pair = (read, model) if what == "energies" else (lambda x: forces(read, x), lambda x: forces(model, x))
    if check:
        one, other = (side(x).detach() for side in pair)
        if not torch.allclose(one, other, rtol=0, atol=0.02 * float(other.abs().max())):
            raise SystemExit(f"{item}: the table differs by {float((one - other).abs().max())}; nothing is timed")
    if what == "energies":
        return torch.no_grad()(lambda: pair[0](x)), torch.no_grad()(lambda: pair[1](x))
    return (lambda: pair[0](x)), (lambda: pair[1](x))


def table(check: bool) -> tuple[Call, Call]:
    r = 0.9 + 1.6 * torch.rand(1_000_000, dtype=torch.float64)
    ours = tabulate(lambda x: lennard_jones(x)[:, None], 0.9, 2.5, POINTS)
    knots = np.linspace(0.9, 2.5, POINTS)
    theirs = CubicSpline(knots, lennard_jones(torch.from_numpy(knots)).numpy())
    if check and np.abs(ours.double()(r)[:, 0].numpy() - theirs(r.numpy())).max() > 1e-4:
        raise SystemExit("the two tables differ; nothing is timed")
    ours.double()
    return torch.no_grad()(lambda: ours(r)), lambda: theirs(r.numpy())


if __name__ == "__main__":
    for name, items in ITEMS.items():
        main("kan-md", {name: True}, items, sides)
