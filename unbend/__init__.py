"""Linear functions and the bends between them."""

from typing import TYPE_CHECKING, Any

from unbend._rooms import ROOMS, lazy

if TYPE_CHECKING:
    from unbend import activations as activations
    from unbend import data as data
    from unbend import inspect as inspect
    from unbend import mixers as mixers
    from unbend import models as models
    from unbend import studies as studies
    from unbend import study as study
    from unbend import surgery as surgery
    from unbend import testing as testing
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
