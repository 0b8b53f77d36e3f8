"""Other structured layers."""

from unbend.layers._monotonic import MonotonicLinear as MonotonicLinear, three_way as three_way
from unbend.layers._squeeze_excite import SqueezeExcite as SqueezeExcite
