"""The Grocery Store Dataset as questions that a photo alone can't answer: `write_grocery`."""

from ravlm.data.grocery.write import write_grocery

__all__ = ["write_grocery"]
