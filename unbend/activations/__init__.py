"""Bends: fixed, learned, gated, and bases."""

from unbend.activations._base import Bend as Bend
from unbend.activations._golu import GoLU as GoLU
from unbend.activations._golu import golu as golu
from unbend.activations._names import bend as bend
from unbend.activations._relu import ReLU as ReLU
from unbend.activations._relu import relu as relu
