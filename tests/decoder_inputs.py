"""What decoders read, for their tests."""

import torch

from ravlm.heads.generation_decoder import Memory

WORDS = 6
LOWEST = torch.finfo(torch.float32).min


def memory(width, b=3, n=9, seed=0, copyable=True):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, WORDS, (b, n), generator=generator)
    ids[:, :3] = -1
    ids = ids if copyable else ids.fill_(-1)
    bias = torch.randn(b, n, generator=generator)
    bias[1, 6:], ids[1, 6:] = LOWEST, -1
    return Memory(torch.randn(b, n, width, generator=generator), bias, ids)


def given(memory):
    return {
        "encoder_hidden_states": memory.tokens,
        "encoder_attention_mask": memory.bias[:, None, None],
        "copied_ids": memory.ids,
    }
