"""The packages that the verbs of a model need, asked for before anything is begun."""

from ravlm.optional import require


def require_models() -> None:
    """Import what a model needs.

    Raises:
        MissingExtra: one of the packages is not installed; the message has the install command.
    """
    for module in ("torch", "tokenizers", "safetensors", "jaxtyping", "huggingface_hub", "lmdb"):
        require(module, "models")


def require_world() -> None:
    """Import what the shipped world and the floors need. Errors: `MissingExtra`."""
    for module in ("babel", "skimage"):
        require(module, "world")
