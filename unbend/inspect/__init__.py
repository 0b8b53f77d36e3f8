"""Read a network back as linear functions."""

from unbend.inspect._lambdas import LambdaReading as LambdaReading
from unbend.inspect._lambdas import Lambdas as Lambdas
from unbend.inspect._lambdas import lambdas as lambdas
