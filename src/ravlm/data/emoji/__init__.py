"""Emoji as pictures to be described, in English and Chinese: `write_emoji`."""

from ravlm.data.emoji.write import write_emoji

__all__ = ["write_emoji"]
