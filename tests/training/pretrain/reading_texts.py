"""Small texts in two languages, and settings that learn them in a moment."""

from typing import Any

from ravlm.training.pretrain.config import PretrainRunConfig

ENGLISH = [
    f"The {colour} {thing} stands in town number {n}."
    for n, (colour, thing) in enumerate(
        (colour, thing) for colour in ("red", "green", "blue", "black") for thing in ("house", "tower", "bridge")
    )
]
CHINESE = [f"{colour}色的{thing}在城里。" for colour in "红绿蓝黑" for thing in ("房子", "塔楼", "小桥")]
READER: dict[str, Any] = {"vocabulary": 120, "width": 16, "layers": 1, "heads": 2, "noise": 0.0}
TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
BERT: dict[str, Any] = {"kind": "transformers", "architecture": "bert", "vocabulary": 120, "options": TINY}
GPT: dict[str, Any] = {
    "kind": "transformers",
    "architecture": "gpt2",
    "vocabulary": 120,
    "options": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64},
}


def settings(objective: str, **more: Any) -> PretrainRunConfig:
    """A short run towards an objective."""
    encoder = READER if objective == "masked" else GPT
    language = {"objective": objective, "encoder": encoder, "steps": 5, "batch": 6, **more}
    return PretrainRunConfig.model_validate({"pretrain": {"language": language}, "training": {"checkpoint_every": 2}})
