"""Run the toy study as a process of its own, so that a test can end it; the arguments are those of `run` as JSON."""

import json
import sys

from tests.study import _toys as toys
from unbend.study import run

if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    study = toys.study(arms={"good": toys.good, "fair": toys.fair, "slow": toys.takes_a_while})
    try:
        found = run(study, on_event=lambda event: print(event.text, flush=True), **options)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        sys.exit(130)
    print(f"ran {found.ran}, before {found.before}, missing {found.missing}", flush=True)
    sys.exit(found.exit_code())
