"""Read a network back as linear functions."""

from unbend.inspect._lambdas import LambdaReading as LambdaReading, Lambdas as Lambdas, lambdas as lambdas
