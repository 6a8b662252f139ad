"""Question and image become hits."""
