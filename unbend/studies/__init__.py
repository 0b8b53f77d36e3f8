"""One file per question: only declarations."""

from unbend.study._find import find as find
from unbend.study._find import names as names
