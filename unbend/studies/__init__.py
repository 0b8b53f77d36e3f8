"""One file per question: only declarations."""
