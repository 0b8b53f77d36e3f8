"""The contract suites, for our classes and for yours."""

from unbend.testing import _bend as _bend
from unbend.testing import _bend_faces as _bend_faces
from unbend.testing import _mixer as _mixer
from unbend.testing import _module as _module
from unbend.testing import _transforms as _transforms
from unbend.testing._compare import TOLERANCE as TOLERANCE
from unbend.testing._compare import close as close
from unbend.testing._poison import poisoned as poisoned
from unbend.testing._subject import Subject as Subject
from unbend.testing._suite import KINDS as KINDS
from unbend.testing._suite import Check as Check
from unbend.testing._suite import ContractError as ContractError
from unbend.testing._suite import Kind as Kind
from unbend.testing._suite import Skip as Skip
from unbend.testing._suite import cases as cases
from unbend.testing._suite import check as check
from unbend.testing._suite import checks_of as checks_of
from unbend.testing._suite import contract as contract
from unbend.testing._suite import contracts as contracts
from unbend.testing._suite import kind as kind
