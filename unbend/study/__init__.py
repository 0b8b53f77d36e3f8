"""The study engine: arms x data x seeds -> cells -> claims -> report."""

from unbend.study._record import Record as Record
from unbend.study._spec import ACCURACY as ACCURACY
from unbend.study._spec import Arm as Arm
from unbend.study._spec import Budget as Budget
from unbend.study._spec import Cell as Cell
from unbend.study._spec import Claim as Claim
from unbend.study._spec import Diverged as Diverged
from unbend.study._spec import Metric as Metric
from unbend.study._spec import Operations as Operations
from unbend.study._spec import Seconds as Seconds
from unbend.study._spec import Skip as Skip
from unbend.study._spec import Source as Source
from unbend.study._spec import Steps as Steps
from unbend.study._spec import Study as Study
from unbend.study._spec import Trial as Trial
