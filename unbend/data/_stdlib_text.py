"""English that every Python ships: the topics of its help."""

import numpy as np

from unbend.data._about import about
from unbend.data._dataset import Dataset

_CONTEXT = 48


def stdlib_text() -> Dataset:
    """Next character of English: the help topics of the Python that runs.

    About 0.47 million characters, some 100 different (Python Software Foundation; PSF licence), which differ a little
    between versions of Python; topics in the order of their names. Windows of 48 characters side by side; the last
    tenth is the test set.
    """
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name] for name in sorted(topics))
    symbols, codes = np.unique(np.frombuffer(text.encode("utf-32-le"), np.uint32), return_inverse=True)
    import torch

    count = (len(codes) - 1) // _CONTEXT
    tokens = torch.from_numpy(codes.astype(np.int64))
    size = count * _CONTEXT
    x, y = tokens[:size].view(count, -1), tokens[1 : size + 1].view(count, -1)
    cut = round(0.9 * count)
    name = "stdlib-text"
    return Dataset(name, "next-token", (x[:cut], y[:cut]), (x[cut:], y[cut:]), classes=len(symbols), about=about(name))
