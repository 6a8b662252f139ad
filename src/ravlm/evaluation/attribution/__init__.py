"""Why an answer counts as it does: whether a text states it, whether the measure was too strict, what went wrong."""
