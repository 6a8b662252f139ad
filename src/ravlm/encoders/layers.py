"""Which layer of an encoder its tokens are taken after."""

from ravlm.errors import ConfigError

LAST = -1
"""The layer at a model's end, its last norm included."""


def check_layer(layer: int, layers: int) -> int:
    """The layer as -1 (the end) or counted from 0.

    Raises:
        ConfigError: there is no such layer.
    """
    if not -layers <= layer < layers:
        raise ConfigError(
            f"layer is {layer}; this encoder has {layers}. Choose -1 for its end, 0 to {layers - 1} for the tokens "
            f"after that layer, or -2 to -{layers}, counted from the last."
        )
    return layer if layer >= LAST else layer + layers
