"""Change a trained network, with an account of what was changed."""

from unbend.surgery._account_base import Account as Account
from unbend.surgery._account_base import Row as Row
from unbend.surgery._account_base import Site as Site
from unbend.surgery._swap import swap as swap
