"""How good the answers are: measures, runs, floors and the report."""
