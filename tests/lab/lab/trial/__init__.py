"""Trials: the real `cutover` on the lab, and what must be so afterwards. Used by tests/lab/run."""
