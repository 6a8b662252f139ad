"""The official measures of the benchmarks, as their authors' code computes them.

`docs/scoring.md` says which rule is whose.
"""
