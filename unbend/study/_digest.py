"""The digest of the code behind a cell: equal digests mean that it would run the same code again."""

import hashlib
from importlib.metadata import version

from unbend._rooms import ROOT
from unbend.study._spec import Study


def digests(study: Study) -> dict[str, str]:
    """The digest of each arm of the study."""
    whole = hashlib.sha256(version("torch").encode())
    for path in sorted(ROOT.rglob("*.py")):
        whole.update(path.read_bytes())
    return dict.fromkeys(study.arms, whole.hexdigest())
