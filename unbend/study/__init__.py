"""The study engine: arms x data x seeds -> cells -> claims -> report."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from unbend.study._record import Record as Record
from unbend.study._run import Event as Event, Run as Run, run as run
from unbend.study._spec import (
    ACCURACY as ACCURACY,
    Arm as Arm,
    Budget as Budget,
    Cell as Cell,
    Claim as Claim,
    Diverged as Diverged,
    Metric as Metric,
    Operations as Operations,
    Seconds as Seconds,
    Skip as Skip,
    Source as Source,
    Steps as Steps,
    Study as Study,
    Trial as Trial,
)
from unbend.study._store import Store as Store, StoreError as StoreError
from unbend.study._view import View as View, look as look

if TYPE_CHECKING:
    from unbend.study._approximate import (
        LOG10_RMSE as LOG10_RMSE,
        RMSE_EXPONENT as RMSE_EXPONENT,
        approximate as approximate,
        rate as rate,
    )
    from unbend.study._compare import Options as Options, compare as compare, comparison as comparison
    from unbend.study._cost import Cost as Cost, PeakMemory as PeakMemory, count_operations as count_operations
    from unbend.study._nodes import classify_nodes as classify_nodes
    from unbend.study._recall import RECALL as RECALL, Asked as Asked, recall as recall
    from unbend.study._scaling import (
        LOG2_PEAK_BYTES as LOG2_PEAK_BYTES,
        MS as MS,
        MS_EXPONENT as MS_EXPONENT,
        OPERATIONS_EXPONENT as OPERATIONS_EXPONENT,
        PEAK_EXPONENT as PEAK_EXPONENT,
        scaling as scaling,
    )
    from unbend.study._train import (
        LOSS as LOSS,
        MS_PER_STEP as MS_PER_STEP,
        OPERATIONS as OPERATIONS,
        PARAMETERS as PARAMETERS,
        PEAK_BYTES as PEAK_BYTES,
        R2 as R2,
        classify as classify,
        next_token as next_token,
        regress as regress,
    )

# What needs torch is imported when it is asked for: `unbend papers` and `unbend study status` answer without.
_LAZY = {
    "_approximate": ("LOG10_RMSE", "RMSE_EXPONENT", "approximate", "rate"),
    "_compare": ("Options", "compare", "comparison"),
    "_cost": ("Cost", "PeakMemory", "count_operations"),
    "_recall": ("RECALL", "Asked", "recall"),
    "_nodes": ("classify_nodes",),
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
