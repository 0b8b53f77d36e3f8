"""One file per question: only declarations."""

from unbend.study._find import find as find, names as names
