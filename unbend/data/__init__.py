"""Real data sets that installed packages ship, readers for your own, and generators."""

from unbend.data._dataset import Dataset as Dataset
from unbend.data._digits import (
    digits as digits,
)
from unbend.data._digits import (
    digits16 as digits16,
)
from unbend.data._digits import (
    shifted_digits as shifted_digits,
)
from unbend.data._load import load as load
from unbend.data._load import names as names
