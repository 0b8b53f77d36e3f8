"""Other structured layers."""

from unbend.layers._squeeze_excite import SqueezeExcite as SqueezeExcite
