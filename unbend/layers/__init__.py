"""Other structured layers."""

from unbend.layers._analog import (
    Analog as Analog,
    LeakyNoise as LeakyNoise,
    ReducePrecision as ReducePrecision,
    noise_std as noise_std,
    reduce_precision as reduce_precision,
)
from unbend.layers._mofme import (
    FeatureModulation as FeatureModulation,
    MoFME as MoFME,
    TopKRouter as TopKRouter,
    UncertaintyRouter as UncertaintyRouter,
)
from unbend.layers._moments import (
    MPGELU as MPGELU,
    MomentLinear as MomentLinear,
    MomentReLU as MomentReLU,
    certain as certain,
    gauss_moments as gauss_moments,
    mp_gelu as mp_gelu,
    relu_moments as relu_moments,
)
from unbend.layers._monotonic import MonotonicLinear as MonotonicLinear, three_way as three_way
from unbend.layers._multiplet import (
    Multiplet as Multiplet,
    gini_mean as gini_mean,
    lehmer_mean as lehmer_mean,
    power_mean as power_mean,
)
from unbend.layers._remove_dc import RemoveDC as RemoveDC
from unbend.layers._squeeze_excite import SqueezeExcite as SqueezeExcite
