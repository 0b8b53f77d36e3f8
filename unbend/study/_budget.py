"""Budgets in words, and what they come to in time."""

import re
from os import cpu_count

from unbend._errors import ArgumentError
from unbend.study._spec import Budget, Operations, Seconds, Steps


def patience(budget: Budget) -> float:
    """Seconds after which a cell counts as hung: a minute and three times its budget, or ten minutes."""
    return 60 + 3 * budget.seconds if isinstance(budget, Seconds) else 600.0


def forecast(cells: int, budget: Budget, jobs: int | None = None) -> float | None:
    """Minutes that the cells take together; None where the budget is not a time."""
    if not isinstance(budget, Seconds):
        return None
    return cells * (budget.seconds + 2) / (jobs or cpu_count() or 1) / 60


def parse_budget(text: str) -> Budget:
    """`60s`, `2m`, `1h`, `300 steps` or `5e9 operations`, for each cell.

    Examples:
        >>> parse_budget("2m"), parse_budget("300 steps")
        (Seconds(seconds=120.0), Steps(steps=300))
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?(?:e\d+)?)\s*([a-z]+)\s*", text.lower())
    amount, unit = (float(found[1]), found[2]) if found else (0.0, "")
    if amount and unit[:1] in "smh" and unit in ("s", "sec", "seconds", "m", "min", "minutes", "h", "hours"):
        return Seconds(amount * {"s": 1, "m": 60, "h": 3600}[unit[0]])
    if amount >= 1 and amount == int(amount) and unit in ("step", "steps"):
        return Steps(int(amount))
    if amount and unit == "operations":
        return Operations(amount)
    raise ArgumentError.of("budget", text, "60s, 2m, 1h, '300 steps' or '5e9 operations', for each cell")
