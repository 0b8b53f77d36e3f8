"""Real data sets that installed packages ship, readers for your own, and generators."""

from unbend.data._about import about as about, names as names
from unbend.data._arrays import Arrays as Arrays
from unbend.data._clusters import clusters as clusters
from unbend.data._curves import exp_sine as exp_sine, heaviside as heaviside, wave as wave
from unbend.data._dataset import Dataset as Dataset
from unbend.data._digits import digits as digits, digits16 as digits16, shifted_digits as shifted_digits
from unbend.data._dynamics import ecg as ecg, lorenz63 as lorenz63, roessler as roessler
from unbend.data._folder import Folder as Folder
from unbend.data._graphs import (
    block_model as block_model,
    digits_graph as digits_graph,
    karate_club as karate_club,
    les_miserables as les_miserables,
)
from unbend.data._load import load as load
from unbend.data._mnist5k import mnist5k as mnist5k
from unbend.data._mqar import Mqar as Mqar, mqar as mqar
from unbend.data._saturating import saturating as saturating
from unbend.data._selection import (
    InductionHeads as InductionHeads,
    SelectiveCopying as SelectiveCopying,
    induction_heads as induction_heads,
    selective_copying as selective_copying,
)
from unbend.data._series import co2 as co2, sunspots as sunspots
from unbend.data._sets import set_spread as set_spread
from unbend.data._sine import sine as sine
from unbend.data._smooth import (
    nested_sines as nested_sines,
    positive_product as positive_product,
    positive_ratio as positive_ratio,
    positive_xor as positive_xor,
    product as product,
)
from unbend.data._source import Source as Source, source as source
from unbend.data._stdlib_text import stdlib_text as stdlib_text
from unbend.data._table import Table as Table
from unbend.data._tables import auto_mpg as auto_mpg, breast_cancer as breast_cancer, diabetes as diabetes, wine as wine
from unbend.data._text import Text as Text
from unbend.data._tones import tone_pitch as tone_pitch, tone_strength as tone_strength
from unbend.data._two_waves import two_waves as two_waves
from unbend.data._weather import weathered_digits as weathered_digits
from unbend.data._windows import ett_h1 as ett_h1, euro_rates as euro_rates, illness as illness
