"""The study engine: arms x data x seeds -> cells -> claims -> report."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from unbend.study._record import Record as Record
from unbend.study._run import Event as Event
from unbend.study._run import Run as Run
from unbend.study._run import run as run
from unbend.study._spec import ACCURACY as ACCURACY
from unbend.study._spec import Arm as Arm
from unbend.study._spec import Budget as Budget
from unbend.study._spec import Cell as Cell
from unbend.study._spec import Claim as Claim
from unbend.study._spec import Diverged as Diverged
from unbend.study._spec import Metric as Metric
from unbend.study._spec import Operations as Operations
from unbend.study._spec import Seconds as Seconds
from unbend.study._spec import Skip as Skip
from unbend.study._spec import Source as Source
from unbend.study._spec import Steps as Steps
from unbend.study._spec import Study as Study
from unbend.study._spec import Trial as Trial
from unbend.study._store import Store as Store
from unbend.study._store import StoreError as StoreError
from unbend.study._view import View as View
from unbend.study._view import look as look

if TYPE_CHECKING:
    from unbend.study._compare import Options as Options
    from unbend.study._compare import compare as compare
    from unbend.study._compare import comparison as comparison
    from unbend.study._cost import Cost as Cost
    from unbend.study._cost import PeakMemory as PeakMemory
    from unbend.study._cost import count_operations as count_operations
    from unbend.study._scaling import LOG2_PEAK_BYTES as LOG2_PEAK_BYTES
    from unbend.study._scaling import MS as MS
    from unbend.study._scaling import MS_EXPONENT as MS_EXPONENT
    from unbend.study._scaling import OPERATIONS_EXPONENT as OPERATIONS_EXPONENT
    from unbend.study._scaling import PEAK_EXPONENT as PEAK_EXPONENT
    from unbend.study._scaling import scaling as scaling
    from unbend.study._train import LOSS as LOSS
    from unbend.study._train import MS_PER_STEP as MS_PER_STEP
    from unbend.study._train import OPERATIONS as OPERATIONS
    from unbend.study._train import PARAMETERS as PARAMETERS
    from unbend.study._train import PEAK_BYTES as PEAK_BYTES
    from unbend.study._train import R2 as R2
    from unbend.study._train import classify as classify
    from unbend.study._train import next_token as next_token
    from unbend.study._train import regress as regress

# What needs torch is imported when it is asked for: `unbend papers` and `unbend study status` answer without.
_LAZY = {
    "_compare": ("Options", "compare", "comparison"),
    "_cost": ("Cost", "PeakMemory", "count_operations"),
    "_scaling": ("LOG2_PEAK_BYTES", "MS", "MS_EXPONENT", "OPERATIONS_EXPONENT", "PEAK_EXPONENT", "scaling"),
    "_train": (
        "LOSS", "MS_PER_STEP", "OPERATIONS", "PARAMETERS", "PEAK_BYTES", "R2", "classify", "next_token", "regress",
    ),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    for module, names in _LAZY.items():
        if name in names:
            return getattr(import_module(f"unbend.study.{module}"), name)
    raise AttributeError(f"module 'unbend.study' has no attribute {name!r}")
