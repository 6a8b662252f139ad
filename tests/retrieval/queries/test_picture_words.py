"""Labels and captions of models that a user names: small random ones, saved to folders by their library."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from PIL import Image

from builders import TEXTS, tokenizer
from pictures import noise
from ravlm.encoders.joint import JointEncoder
from ravlm.encoders.transformers_tokenizer import as_library_tokenizer
from ravlm.errors import ConfigError, FormatError, PathError
from ravlm.records import Piece, Query
from ravlm.retrieval.queries.captions import Captioner, CaptionsStep
from ravlm.retrieval.queries.compose import compose
from ravlm.retrieval.queries.key_terms import KeyTermsStep
from ravlm.retrieval.queries.labels import ImageClassifier, LabelsStep, ZeroShotLabels
from ravlm.retrieval.queries.question import QuestionStep
from ravlm.retrieval.queries.regions import RegionsStep
from ravlm.retrieval.queries.rewriting import RewritingStep

SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
EYE = {**SIZES, "patch_size": 8, "image_size": 32}
SQUARE = {"height": 32, "width": 32}
LABELS = ["flag", "cat", "鸵鸟"]
PHOTOS = [noise(seed, 64, 48) for seed in range(3)]


def spread(model: Any) -> Any:
    """Weights that differ more than a library's first ones, so that pictures are told apart."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of a classifier and of three captioning models, each as its library writes it."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    made = as_library_tokenizer(tokenizer())
    marks = {"pad_token_id": made.pad_token_id, "bos_token_id": made.cls_token_id, "eos_token_id": made.sep_token_id}
    text = {**SIZES, **marks, "vocab_size": len(made), "max_position_embeddings": 64}
    names = dict(enumerate(LABELS))
    classifier = hf.ViTForImageClassification(hf.ViTConfig(**EYE, id2label=names, label2id={}))
    eye = hf.ViTImageProcessor(size=SQUARE)
    spoken = {"sep_token_id": made.sep_token_id, "encoder_hidden_size": 16, "is_decoder": True}
    blip = hf.BlipConfig(text_config={**text, **spoken}, vision_config=EYE, projection_dim=8)
    git = hf.GitConfig(vision_config=EYE, **text)
    decoder = hf.GPT2Config(
        n_embd=16, n_layer=1, n_head=2, n_positions=64, vocab_size=len(made), add_cross_attention=True, **marks
    )
    joined = hf.VisionEncoderDecoderConfig.from_encoder_decoder_configs(hf.ViTConfig(**EYE), decoder)
    joined.decoder_start_token_id = made.cls_token_id
    models = {
        "classifier": (classifier, [eye]),
        "blip": (hf.BlipForConditionalGeneration(blip), [hf.BlipImageProcessor(size=SQUARE), made]),
        "git": (hf.GitForCausalLM(git), [hf.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=SQUARE), made]),
        "joined": (hf.VisionEncoderDecoderModel(config=joined), [eye, made]),
    }
    for name, (model, parts) in models.items():
        for part in (spread(model), *parts):
            part.save_pretrained(folder / name)
    return folder


@pytest.fixture(scope="module")
def joint() -> JointEncoder:
    torch.manual_seed(0)
    return JointEncoder.from_architecture(
        "clip",
        tokenizer=tokenizer(),
        vision_config=EYE,
        text_config={**SIZES, "max_position_embeddings": 32},
        projection_dim=8,
    )


class Said:
    """Says of a picture the probabilities, or the caption, for its width; counts how often it is asked."""

    name = "said"

    def __init__(self, by_width: Mapping[int, Any]) -> None:
        self.by_width = by_width
        self.batches: list[int] = []

    def __call__(self, images: Sequence[Image.Image]) -> list[Any]:
        self.batches.append(len(images))
        return [self.by_width[image.size[0]] for image in images]


def test_the_likeliest_labels_weigh_by_their_probabilities(root: Path) -> None:
    model = ImageClassifier(root / "classifier")
    seeing, blind = LabelsStep(model, labels=2, weight=0.5)([Query("", (PHOTOS[0],)), Query("Whose flag?")])
    library: Any = hf.AutoModelForImageClassification.from_pretrained(root / "classifier").eval()
    pixels = hf.AutoImageProcessor.from_pretrained(root / "classifier")(PHOTOS[0], return_tensors="pt")
    with torch.no_grad():
        expected = library(**pixels).logits[0].softmax(-1).tolist()
    best = sorted(range(3), key=lambda i: -expected[i])[:2]
    assert [piece.text for piece in seeing.pieces] == [LABELS[i] for i in best]
    assert [piece.weight for piece in seeing.pieces] == pytest.approx([0.5 * expected[i] for i in best], rel=1e-4)
    assert {(piece.kind, piece.origin) for piece in seeing.pieces} == {("label", str(root / "classifier"))}
    assert blind.pieces == ()


def test_labels_are_the_mean_over_the_views_by_their_weights() -> None:
    model = Said({64: {"flag": 0.8, "cat": 0.2}, 30: {"cat": 0.6, "dog": 0.4}})
    views = (Piece("region", 3.0, image=PHOTOS[0]), Piece("region", 1.0, image=noise(0, 30, 30)))
    [query] = LabelsStep(model, weight=1.0, labels=5)([Query("", pieces=views)])
    assert {piece.text: piece.weight for piece in query.pieces[2:]} == pytest.approx(
        {"flag": 0.6, "cat": 0.3, "dog": 0.1}
    )
    [query] = LabelsStep(Said({64: {"b": 0.5, "a": 0.5}}), labels=1)([Query("", (PHOTOS[0],))])
    assert query.pieces[0].text == "a", "ties by the alphabet"


def test_many_pictures_go_through_some_at_once() -> None:
    model = Said({64: {"flag": 1.0}})
    found = LabelsStep(model)([Query("", tuple(PHOTOS))] * 11 + [Query("no picture")])
    assert model.batches == [16, 16, 1]
    assert [len(query.pieces) for query in found] == [1] * 11 + [0]
    assert LabelsStep(model)([]) == []


def test_any_words_by_a_joint_encoder(joint: JointEncoder) -> None:
    model = ZeroShotLabels(joint, ["首都", "国家", "capital", "首都", " "], template="这是{}。")
    found = model(PHOTOS)
    assert [list(row) for row in found] == [["首都", "国家", "capital"]] * 3
    assert [sum(row.values()) for row in found] == pytest.approx([1, 1, 1])
    pixels = torch.stack([joint.visual.preprocess(photo) for photo in PHOTOS])
    texts = joint.language.tokenize(["这是首都。", "这是国家。", "这是capital。"])
    with torch.no_grad():
        visual, language = joint(pixels, texts)
        cosines = torch.nn.functional.cosine_similarity(visual.pooled[:, None], language.pooled[None], dim=-1)
        expected = (joint._whole[0].logit_scale.exp() * cosines).softmax(-1)
    assert np.array([list(row.values()) for row in found]) == pytest.approx(expected.numpy(), rel=1e-4)


def test_siglip_judges_each_label_alone() -> None:
    torch.manual_seed(0)
    text = {**SIZES, "max_position_embeddings": 32, "projection_size": 16}
    encoder = JointEncoder.from_architecture("siglip", tokenizer=tokenizer(), vision_config=EYE, text_config=text)
    one = ZeroShotLabels(encoder, ["capital"])(PHOTOS)
    two = ZeroShotLabels(encoder, ["capital", "country"])(PHOTOS)
    assert [row["capital"] for row in one] == pytest.approx([row["capital"] for row in two], rel=1e-4)
    assert all(0 < row["capital"] < 1 for row in one)


@pytest.mark.parametrize("name", ["blip", "git", "joined"])
def test_captions_are_bounded_and_the_same_each_time(root: Path, name: str) -> None:
    model = Captioner(root / name, longest=5)
    captions = model(PHOTOS)
    assert captions == model(PHOTOS) == [model([photo])[0] for photo in PHOTOS]
    assert any(captions)
    reader = as_library_tokenizer(tokenizer())
    assert all(len(reader(caption, add_special_tokens=False)["input_ids"]) <= 10 for caption in captions)
    longer = Captioner(root / name, longest=12)(PHOTOS)
    assert sum(map(len, longer)) > sum(map(len, captions))


def test_a_caption_is_the_likeliest_next_token_each_time(root: Path) -> None:
    model: Any = hf.VisionEncoderDecoderModel.from_pretrained(root / "joined").eval()
    reader = hf.AutoTokenizer.from_pretrained(root / "joined")
    pixels = hf.AutoImageProcessor.from_pretrained(root / "joined")(PHOTOS[0], return_tensors="pt")["pixel_values"]
    ids = [reader.cls_token_id]
    for _ in range(5):
        with torch.no_grad():
            ids.append(int(model(pixel_values=pixels, decoder_input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] == reader.sep_token_id:
            break
    assert Captioner(root / "joined", longest=5)(PHOTOS[:1]) == [
        " ".join(reader.decode(ids, skip_special_tokens=True).split())
    ]


def test_views_share_the_weight_of_captions_and_equal_ones_are_one() -> None:
    model = Said({64: "a flag", 30: "a flag", 20: "一只鸵鸟", 10: ""})
    views = [Piece("region", 1.0, image=noise(0, width, 30)) for width in (64, 20, 30, 10)]
    [query, blind] = CaptionsStep(model, weight=2.0)([Query("", pieces=tuple(views)), Query("Whose?")])
    assert query.pieces[4:] == (
        Piece("caption", 1.0, "a flag", origin="said"),
        Piece("caption", 0.5, "一只鸵鸟", origin="said"),
    )
    assert blind.pieces == ()


def test_all_steps_together(root: Path, joint: JointEncoder) -> None:
    steps = [
        QuestionStep(),
        KeyTermsStep(joint.language),
        RegionsStep(("whole", "grid", "attention"), encoder=joint.visual),
        LabelsStep(ZeroShotLabels(joint, LABELS)),
        CaptionsStep(Captioner(root / "git", longest=4)),
        RewritingStep(lambda queries: ["首都" for _ in queries]),
    ]
    english, chinese, blind = compose(
        [Query(TEXTS[1], (PHOTOS[0],)), Query(TEXTS[3], (PHOTOS[1],)), Query(TEXTS[3])], steps
    )
    order = ["question", "key term", "region", "label", "caption", "rewriting"]
    for query in (english, chinese):
        assert list(dict.fromkeys(piece.kind for piece in query.pieces)) == order
    assert list(dict.fromkeys(piece.kind for piece in blind.pieces)) == ["question", "key term", "rewriting"]
    assert compose([Query(TEXTS[3])], steps) == [blind]


def test_folders_of_other_models_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="is no image classifier: its type is 'git'"):
        ImageClassifier(root / "git")
    with pytest.raises(FormatError, match="is no captioning model: its type is 'vit'"):
        Captioner(root / "classifier")
    with pytest.raises(PathError, match="There is no model"):
        ImageClassifier(tmp_path / "nothing" / "here")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PathError, match=r"config\.json"):
        Captioner(tmp_path / "empty")


def test_a_folder_without_the_classifier_s_weights_is_refused(root: Path, tmp_path: Path) -> None:
    bare: Any = hf.AutoModel.from_pretrained(root / "classifier")
    bare.save_pretrained(tmp_path / "bare")
    shutil.copy(root / "classifier" / "preprocessor_config.json", tmp_path / "bare")
    with pytest.raises(FormatError, match=r"image classifier in .* lacks 2 weights"):
        ImageClassifier(tmp_path / "bare")


def test_labels_without_names_are_refused(root: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(root / "classifier", tmp_path / "unnamed")
    config = json.loads((folder / "config.json").read_text())
    config["id2label"] = {place: f"LABEL_{place}" for place in range(3)}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(FormatError, match=r"3 labels without names \(LABEL_0"):
        ImageClassifier(folder)


def test_pickled_weights_and_lost_parts_are_refused(root: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(root / "classifier", tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(FormatError, match=r"pytorch_model\.bin, which may hold code"):
        ImageClassifier(folder)
    folder = shutil.copytree(root / "git", tmp_path / "mute")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(FormatError, match="no tokeniser"):
        Captioner(folder)
    folder = shutil.copytree(root / "git", tmp_path / "blind")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(FormatError, match="no image processor"):
        Captioner(folder)


def test_what_can_t_be_done_is_refused(root: Path, joint: JointEncoder) -> None:
    with pytest.raises(ConfigError, match="0 labels were given"):
        ZeroShotLabels(joint, ["", " "])
    with pytest.raises(ConfigError, match="a template"):
        ZeroShotLabels(joint, LABELS, template="a photo")
    with pytest.raises(ConfigError, match="0 labels were asked for"):
        LabelsStep(Said({}), labels=0)
    with pytest.raises(ConfigError, match="0 tokens of a caption"):
        Captioner(root / "git", longest=0)
