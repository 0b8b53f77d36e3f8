"""Bends: fixed, learned, gated, and bases."""

from unbend.activations._base import Bend as Bend
from unbend.activations._gelu import GELU as GELU
from unbend.activations._gelu import GELUTanh as GELUTanh
from unbend.activations._gelu import gelu as gelu
from unbend.activations._gelu import gelu_tanh as gelu_tanh
from unbend.activations._golu import GoLU as GoLU
from unbend.activations._golu import golu as golu
from unbend.activations._names import bend as bend
from unbend.activations._prelu import PReLU as PReLU
from unbend.activations._prelu import prelu as prelu
from unbend.activations._relu import ReLU as ReLU
from unbend.activations._relu import relu as relu
from unbend.activations._silu import SiLU as SiLU
from unbend.activations._silu import silu as silu
from unbend.activations._snake import Snake as Snake
from unbend.activations._snake import snake as snake
