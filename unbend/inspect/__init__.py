"""Read a network back as linear functions."""

from unbend.inspect._lambdas import LambdaReading as LambdaReading, Lambdas as Lambdas, lambdas as lambdas
from unbend.inspect._signal import (
    Harmonics as Harmonics,
    dc_fraction as dc_fraction,
    harmonic_distortion as harmonic_distortion,
)
