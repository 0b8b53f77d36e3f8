"""The contract suites, for our classes and for yours."""

from unbend.testing import (
    _bend as _bend,
    _bend_faces as _bend_faces,
    _mixer as _mixer,
    _module as _module,
    _transforms as _transforms,
)
from unbend.testing._compare import TOLERANCE as TOLERANCE, close as close
from unbend.testing._poison import poisoned as poisoned
from unbend.testing._subject import Subject as Subject
from unbend.testing._suite import (
    KINDS as KINDS,
    Check as Check,
    ContractError as ContractError,
    Kind as Kind,
    Skip as Skip,
    cases as cases,
    check as check,
    checks_of as checks_of,
    contract as contract,
    contracts as contracts,
    kind as kind,
)
