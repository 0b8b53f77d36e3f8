"""The account of a swap: what was found, what became of it, and how to go back."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from torch import nn

from unbend.surgery._step_base import Step, inner, refuse


@dataclass(frozen=True)
class Site:
    """A module or a call that a rule is about, as `where` sees it.

    Args:
        index: its number in the account.
        path: of the module; for a call, of the module whose method makes it.
        kind: "module" or "call".
        before: what stands there, such as `ReLU(inplace=True)` or `F.gelu()`.
        type: the class of the module, or of torch's module that computes what the call does.
        call: the method and the line that call it, such as `forward, net.py:31`; empty where that was not seen.
        times: how often it was called while the model was watched.
        module: the module itself; for a call, the one whose method makes it.
    """

    index: int
    path: str
    kind: Literal["module", "call"]
    before: str
    type: type[nn.Module]
    call: str
    times: int
    module: nn.Module = field(repr=False)


@dataclass(frozen=True)
class Row:
    """One line of an account.

    Args:
        index: the number of the site; None for a line of the source that names a function but was not reached.
        path: of the module; for a call, of the module whose method makes it.
        call: the method and the line that call it.
        before: what stood there.
        after: what stands there now, or would; empty where nothing changes.
        status: "swapped" or "skipped".
        reason: why it was skipped; of a swapped one, what is worth knowing.
        how: "module" (another module in its place), "source" (the call rewritten in its method) or "intercepted"
            (the call caught while its method runs).
        parameters: how many the site had before and has after.
        error: relative error of its output on the calibration data, before and after calibration.
    """

    index: int | None
    path: str
    call: str
    before: str
    after: str = ""
    status: Literal["swapped", "skipped"] = "skipped"
    reason: str = ""
    how: Literal["", "module", "source", "intercepted"] = ""
    parameters: tuple[int, int] = (0, 0)
    error: tuple[float, float] | None = None


@dataclass(frozen=True)
class Account:
    """What `unbend.swap` found in a model, and what it did about it.

    Prints as a table; `to_dicts()` and `to_json()` are the same for machines.

    Args:
        rows: one for each site, in the order of the model's modules.
        notes: what else is worth knowing.
        parameters: of the whole model, before and after.
        dry_run: whether nothing was changed.
        error: relative error of the model's output on the calibration data, before and after calibration.
        steps: the changes, in the order in which they were made.
    """

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    parameters: tuple[int, int] = (0, 0)
    dry_run: bool = False
    error: tuple[float, float] | None = None
    steps: tuple[Step, ...] = field(default=(), repr=False)

    @property
    def swapped(self) -> tuple[Row, ...]:
        """The rows that were swapped, or would be in a dry run."""
        return tuple(row for row in self.rows if row.status == "swapped")

    def undo(self, model: nn.Module) -> nn.Module:
        """Take every change back, in `model` itself; its outputs are those from before, bit for bit.

        Weights are left as they are now: what was trained since stays trained.

        Args:
            model: what `swap` returned, or a copy of it.

        Raises:
            ArgumentError: the model is not as this account left it; nothing is changed then.
        """
        network = inner(model)
        refuse(network, self.steps)
        undone = network
        for step in reversed(self.steps):
            undone = step.undo(undone)
        return model if undone is network else undone

    def to_dicts(self) -> list[dict[str, Any]]:
        """The rows as dictionaries."""
        return [asdict(row) for row in self.rows]

    def to_json(self) -> str:
        """Everything but the way back, as JSON."""
        fields = {"dry_run": self.dry_run, "parameters": self.parameters, "error": self.error, "notes": self.notes}
        return json.dumps({**fields, "rows": self.to_dicts()}, indent=1)

    def __str__(self) -> str:
        return "\n".join((*_table([_cells(row) for row in self.rows]), *self._summary()))

    def _summary(self) -> list[str]:
        count = len(self.swapped)
        verb = "would be swapped (dry run: nothing was changed)" if self.dry_run else "swapped"
        lines = [f"{count} of {len(self.rows)} sites {verb}; {_change(self.parameters)} parameters"]
        if self.error is not None:
            before, after = self.error
            lines.append(f"error of the output on the calibration data: {before:.3g} swapped, {after:.3g} calibrated")
        return lines + list(self.notes)


_HEADS = ("#", "path", "call", "before", "after", "parameters", "error", "")


def _cells(row: Row) -> tuple[str, ...]:
    error = "" if row.error is None else f"{row.error[0]:.3g} -> {row.error[1]:.3g}"
    note = row.reason if row.status == "swapped" else f"skipped: {row.reason}"
    if row.how in ("source", "intercepted"):
        note = f"{row.how}; {note}" if note else row.how
    index = "" if row.index is None else str(row.index)
    parameters = "" if row.parameters == (0, 0) else _change(row.parameters)
    return (index, row.path or "(model)", row.call, row.before, row.after, parameters, error, note)


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Aligned columns; those that are empty throughout are left out."""
    kept = [column for column in zip(_HEADS, *rows) if any(column[1:])]
    if not kept:
        return []
    widths = [max(map(len, column)) for column in kept]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in zip(*kept)]


def _change(parameters: tuple[int, int]) -> str:
    before, after = parameters
    return f"{after:,}" if before == after else f"{before:,} -> {after:,}"
