"""What a cell ran on, as the report's footer has it. Imports no torch."""

import platform
from functools import cache
from pathlib import Path

from unbend import __version__


@cache
def environment() -> dict[str, str]:
    """Versions and processor of this machine."""
    # Imported late: it brings the email package, and every command pays for what `unbend.study` imports.
    from importlib.metadata import version

    return {
        "unbend": __version__,
        "torch": version("torch"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _processor(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
