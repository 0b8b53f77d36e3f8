"""Change a trained network, with an account of what was changed."""

from unbend.surgery._account_base import Account as Account, Row as Row, Site as Site
from unbend.surgery._swap import swap as swap
