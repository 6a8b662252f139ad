"""Pre-training: one encoder by itself, before it becomes a part of a model."""
