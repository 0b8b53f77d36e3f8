"""Linear functions and the bends between them."""

from typing import TYPE_CHECKING, Any

from unbend._rooms import ROOMS, lazy

if TYPE_CHECKING:
    from unbend import (
        activations as activations,
        data as data,
        inspect as inspect,
        mixers as mixers,
        models as models,
        special as special,
        studies as studies,
        study as study,
        surgery as surgery,
        testing as testing,
    )
    from unbend.activations import bend as bend
    from unbend.study import compare as compare
    from unbend.surgery import swap as swap

__version__ = "0.1.0"

# A verb is a public name of a room that is worth a place at the root.
_VERBS = {"bend": "activations", "compare": "study", "swap": "surgery"}


def __getattr__(name: str) -> Any:
    return lazy(name, _VERBS)


def __dir__() -> list[str]:
    return sorted({*ROOMS, *_VERBS, "__version__"})
