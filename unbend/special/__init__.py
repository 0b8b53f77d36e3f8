"""Functions of one number; each says how accurate it is, and where."""

from unbend.special._mittag_leffler import mittag_leffler as mittag_leffler
from unbend.special._relu_spectrum import relu_spectrum as relu_spectrum, relu_taylor as relu_taylor
