"""Functions of one number; each says how accurate it is, and where."""

from unbend.special._mittag_leffler import mittag_leffler as mittag_leffler
