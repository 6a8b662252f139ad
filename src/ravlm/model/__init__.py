"""The assembled model, its configuration and its folder."""
