"""The guides say what is so: their Python sessions run."""

import doctest
import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[1] / "docs" / "guide"
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("page", ["activations", "mixers"])
def test_sessions_run(page):
    text = (GUIDE / f"{page}.md").read_text()
    sessions = "\n".join(re.findall(r"```pycon\n(.*?)```", text, re.DOTALL))
    said: list[str] = []
    parsed = doctest.DocTestParser().get_doctest(sessions, {}, page, page, 0)
    found = doctest.DocTestRunner(optionflags=FLAGS).run(parsed, out=said.append)
    assert found.attempted > 0
    assert found.failed == 0, "".join(said)
