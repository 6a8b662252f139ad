"""What sentence-transformers puts behind a language model: pooling, dense layers, unit length; its files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from ravlm.encoders.base import WEIGHTS
from ravlm.errors import FormatError, words_of
from ravlm.safe.files import write_bytes_atomic, write_text_atomic
from ravlm.safe.paths import inside

Pooling = Literal["class", "mean", "max", "last", "own"]
"""class: the first token; mean, max: over the tokens; last: the last token; own: the model's own pooled output."""
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
MODULES = "modules.json"
_POOLINGS = {"cls": "class", "mean": "mean", "max": "max", "lasttoken": "last"}
_OLD = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean", "pooling_mode_max_tokens": "max"}
_OLD |= {"pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens", "pooling_mode_lasttoken": "lasttoken"}
_OLD |= {"pooling_mode_weightedmean_tokens": "weightedmean"}
_ACTIVATIONS: dict[str, type[nn.Module]] = {"Tanh": nn.Tanh, "Identity": nn.Identity, "ReLU": nn.ReLU, "GELU": nn.GELU}
_KIND = "sentence_transformers.models."


class SentenceHead(nn.Module):
    """Dense layers, each with its activation, and at the end, where `normalize` is set, unit length."""

    def __init__(self, dense: list[tuple[nn.Linear, str]], *, normalize: bool) -> None:
        super().__init__()
        self.dense = nn.ModuleList(layer for layer, _ in dense)
        self.activations = [name for _, name in dense]
        self.normalize = normalize

    @property
    def width(self) -> int | None:
        """The width that comes out; None where it is the one that goes in."""
        return int(self.dense[-1].out_features) if len(self.dense) else None  # type: ignore[arg-type]

    def forward(self, pooled: Float[Tensor, "b p"]) -> Float[Tensor, "b p2"]:
        for layer, activation in zip(self.dense, self.activations, strict=True):
            pooled = _ACTIVATIONS[activation]()(layer(pooled))
        return nn.functional.normalize(pooled, dim=-1) if self.normalize else pooled

    def settings(self) -> dict[str, Any]:
        return {"activations": self.activations, "normalize": self.normalize}


@dataclass(frozen=True)
class SentenceFolder:
    """What a folder of sentence-transformers says beside the language model, which stands in `model`."""

    model: Path
    pooling: Pooling
    longest: int | None
    head: SentenceHead


def read_sentence_folder(folder: Path) -> SentenceFolder | None:
    """The description of a sentence-transformers folder; None where it is none.

    Raises:
        FormatError: it has a module or a pooling that is not known here, or is damaged.
    """
    if not (folder / MODULES).is_file():
        return None
    try:
        listed = [(str(module["type"]).rpartition(".")[2], str(module["path"])) for module in _json(folder / MODULES)]
    except (TypeError, KeyError) as error:
        raise FormatError(f"{folder / MODULES} is no list of modules. Copy the folder again.") from error
    kinds = [kind for kind, _ in listed]
    dense_ones = ["Dense"] * kinds.count("Dense")
    if kinds not in (["Transformer", "Pooling", *dense_ones], ["Transformer", "Pooling", *dense_ones, "Normalize"]):
        raise FormatError(
            f"{folder / MODULES} lists {', '.join(kinds)}; a Transformer, its Pooling, then Dense modules and at the "
            "end Normalize are read. Give the folder of the language model itself, and say the pooling."
        )
    modules = [(kind, inside(folder, path) if path else folder) for kind, path in listed]
    model = modules[0][1]
    settings = model / "sentence_bert_config.json"
    longest = _json(settings).get("max_seq_length") if settings.is_file() else None
    dense = [_dense(path) for kind, path in modules if kind == "Dense"]
    head = SentenceHead(dense, normalize="Normalize" in kinds)
    return SentenceFolder(model, _pooling(modules[1][1] / "config.json"), longest, head)


def write_sentence_folder(folder: Path, width: int, pooling: Pooling, longest: int, head: SentenceHead) -> None:
    """Write what sentence-transformers needs to open the folder, beside the model's own files."""
    name = {ours: theirs for theirs, ours in _POOLINGS.items()}[pooling]
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    old = {key: theirs == name for key, theirs in _OLD.items()}
    _write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": width, **old})
    for place, (layer, activation) in enumerate(zip(head.dense, head.activations, strict=True), start=2):
        if not isinstance(layer, nn.Linear):
            raise TypeError("dense layers are linear")
        path = f"{place}_Dense"
        modules.append((path, "Dense"))
        _write(
            folder / path / "config.json",
            {
                "in_features": layer.in_features,
                "out_features": layer.out_features,
                "bias": layer.bias is not None,
                "activation_function": f"{_ACTIVATIONS[activation].__module__}.{activation}",
            },
        )
        state = {f"linear.{key}": value.detach().cpu().contiguous() for key, value in layer.state_dict().items()}
        write_bytes_atomic(folder / path / WEIGHTS, save(state))
    if head.normalize:
        path = f"{len(modules)}_Normalize"
        modules.append((path, "Normalize"))
        (folder / path).mkdir(exist_ok=True)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": longest, "do_lower_case": False})
    listed = [{"idx": i, "name": str(i), "path": path, "type": _KIND + kind} for i, (path, kind) in enumerate(modules)]
    _write(folder / MODULES, listed)


def _pooling(path: Path) -> Pooling:
    config = _json(path)
    modes = [name for key, name in _OLD.items() if config.get(key)]
    said = config.get("pooling_mode") or modes
    mode = said if isinstance(said, str) else " and ".join(str(one) for one in said)
    if mode not in _POOLINGS:
        raise FormatError(
            f"{path} pools by {mode or 'nothing'}; known are {', '.join(_POOLINGS)}. Give the folder of the language "
            "model itself, and say the pooling."
        )
    found: Pooling = _POOLINGS[mode]  # type: ignore[assignment]
    return found


def _dense(folder: Path) -> tuple[nn.Linear, str]:
    config = _json(folder / "config.json")
    activation = str(config.get("activation_function", "")).rpartition(".")[2]
    if activation not in _ACTIVATIONS:
        raise FormatError(f"{folder} has the activation {activation!r}; known are {', '.join(_ACTIVATIONS)}.")
    try:
        layer = nn.Linear(config["in_features"], config["out_features"], bias=config.get("bias", True))
        state = load((folder / WEIGHTS).read_bytes())
        layer.load_state_dict({name.removeprefix("linear."): value.to(torch.float32) for name, value in state.items()})
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        raise FormatError(
            f"The dense layer in {folder} can't be read ({type(error).__name__}: {words_of(error)}). It needs a "
            f"config.json and its weights as {WEIGHTS}; pickled ones are never read."
        ) from error
    return layer, activation


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"{path} can't be read: {type(error).__name__}. Copy the folder again.") from error


def _write(path: Path, value: Any) -> None:
    write_text_atomic(path, json.dumps(value, indent=1))
