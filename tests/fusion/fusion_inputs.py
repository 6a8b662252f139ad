"""Every fusion by name, and a batch in which rows lack what can be lacking."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ravlm.fusion.attention import AttentionFusion
from ravlm.fusion.feature import FeatureFusion
from ravlm.fusion.hierarchical import HierarchicalFusion
from ravlm.fusion.interaction import InteractionFusion
from ravlm.tensors import Encoded, Fused, Kind, Knowledge

VISUAL, IMAGE_TOKEN, LANGUAGE, QUESTION, WIDTH = 6, 5, 8, 7, 12
WHOLE, NO_PICTURE, NO_QUESTION, NO_HITS, NOTHING = range(5)  # the rows of `batch`

FUSIONS: Mapping[str, Callable[..., nn.Module]] = {
    "attention": AttentionFusion,
    "attention, 3 heads": partial(AttentionFusion, heads=3),
    "concatenation": FeatureFusion,
    "weighted sum": partial(FeatureFusion, mode="weighted-sum"),
    "gated": partial(FeatureFusion, mode="gated"),
    "interaction": partial(InteractionFusion, image_token_width=IMAGE_TOKEN, heads=3),
    "hierarchical": partial(HierarchicalFusion, heads=2),
    "feature level": partial(HierarchicalFusion, levels=["feature"]),
    "attention level": partial(HierarchicalFusion, levels=["attention"]),
    "decision level": partial(HierarchicalFusion, levels=["decision"]),
    "feature and attention levels": partial(HierarchicalFusion, levels=["feature", "attention"]),
    "feature and decision levels": partial(HierarchicalFusion, levels=["feature", "decision"]),
}

Inputs = tuple[Encoded, Encoded, Knowledge, Tensor]


def make(name: str) -> nn.Module:
    """The fusion, its weights in float64, the absence vectors and learned shares no longer zero."""
    torch.manual_seed(0)
    fusion = FUSIONS[name](visual_width=VISUAL, language_width=LANGUAGE, question_width=QUESTION, width=WIDTH).double()
    for parameter in fusion.parameters():
        if not parameter.detach().any() or parameter.ndim == 0:
            nn.init.normal_(parameter)
    for part in fusion.modules():
        if isinstance(part, nn.BatchNorm1d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2.0)
    return fusion


def batch(b: int = 5, k: int = 3, p: int = 5, t: int = 4, i: int = 6) -> Inputs:
    """Ragged rows in float64: whole, without picture, question, hits, and without anything; then whole ones."""
    generator = torch.Generator().manual_seed(5)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    def ragged(*shape: int) -> Tensor:
        return torch.arange(shape[-1]) < torch.randint(1, shape[-1] + 1, (*shape[:-1], 1), generator=generator)

    visual = Encoded(random(b, i, IMAGE_TOKEN), ragged(b, i), random(b, VISUAL))
    language = Encoded(random(b, t, LANGUAGE), ragged(b, t), random(b, QUESTION))
    kind = torch.full((b, k), int(Kind.TEXT))
    kind[:, 0] = int(Kind.PICTURE)
    kind[0, -1] = int(Kind.NOTHING)
    mask = ragged(b, k, p)
    for row in range(b):
        if row in (NO_PICTURE, NOTHING):
            visual.mask[row] = False
        if row in (NO_QUESTION, NOTHING):
            language.mask[row] = False
        if row in (NO_HITS, NOTHING):
            kind[row] = int(Kind.NOTHING)
    mask[kind == int(Kind.NOTHING)] = False
    found = Knowledge(
        tokens=random(b, k, p, LANGUAGE),
        mask=mask,
        kind=kind,
        entry=torch.zeros(b, k, dtype=torch.long),
        keys=random(b, k, VISUAL),
        offsets=torch.zeros(b, k, p, 2, dtype=torch.long),
        edges=torch.zeros(b, k, p, 2, dtype=torch.long),
        hits=[],
        passages=[],
    )
    scores = (2 * random(b, k)).masked_fill(kind == int(Kind.NOTHING), -1e4)
    return visual, language, found, scores


def rows(inputs: Inputs, chosen: list[int]) -> Inputs:
    """Some rows of a batch."""
    visual, language, found, scores = inputs
    kept = {n: getattr(found, n)[chosen] for n in ("tokens", "mask", "kind", "entry", "keys", "offsets", "edges")}
    parts = [Encoded(x.tokens[chosen], x.mask[chosen], x.pooled[chosen]) for x in (visual, language)]
    return parts[0], parts[1], replace(found, **kept), scores[chosen]


def change_what_is_masked(inputs: Inputs, value: float) -> Inputs:
    """The same batch with `value` in every place that is masked or in a modality that a row lacks."""
    visual, language, found, scores = inputs

    def filled(x: Encoded) -> Encoded:
        pooled = x.pooled.masked_fill(~x.mask.any(1, keepdim=True), value)
        return Encoded(x.tokens.masked_fill(~x.mask.unsqueeze(-1), value), x.mask, pooled)

    tokens = found.tokens.masked_fill(~found.mask.unsqueeze(-1), value)
    return filled(visual), filled(language), replace(found, tokens=tokens), scores


def pad(inputs: Inputs, *, k: int = 0, p: int = 0, t: int = 0, i: int = 0) -> Inputs:
    """The same batch with more masked hits, passage tokens, question tokens and image tokens, none of them zero."""
    visual, language, found, scores = inputs
    on = nn.functional.pad
    visual = Encoded(on(visual.tokens, (0, 0, 0, i), value=3.0), on(visual.mask, (0, i)), visual.pooled)
    language = Encoded(on(language.tokens, (0, 0, 0, t), value=3.0), on(language.mask, (0, t)), language.pooled)
    wider = replace(
        found,
        tokens=on(found.tokens, (0, 0, 0, p, 0, k), value=3.0),
        mask=on(found.mask, (0, p, 0, k)),
        kind=on(found.kind, (0, k), value=int(Kind.NOTHING)),
        entry=on(found.entry, (0, k), value=-1),
        keys=on(found.keys, (0, 0, 0, k)),
        offsets=on(found.offsets, (0, 0, 0, p, 0, k)),
        edges=on(found.edges, (0, 0, 0, p, 0, k)),
    )
    return visual, language, wider, on(scores, (0, k), value=-1e4)


def outputs(fused: Fused, there: Tensor) -> dict[str, Tensor]:
    """What may be looked at: `there` [b, k, p] are the places of the evidence."""
    found: dict[str, Any] = {
        "pooled": fused.pooled,
        "tokens": fused.tokens[fused.mask],
        "evidence": fused.evidence[there],
        "weights": fused.weights,
        "passage_weights": fused.passage_weights,
    }
    return {name: value.detach() for name, value in found.items() if value is not None}
