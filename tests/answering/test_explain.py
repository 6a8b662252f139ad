"""Explanations of an answerer whose parts are known, and of a trained one."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from made_answerer import BLUE, RED, SIDE, made_answerer, picture
from PIL import Image

from coloured_dataset import ASKED, UNSEEN
from ravlm.answering import explain as module
from ravlm.answering.answerer import Answerer
from ravlm.answering.explain import explain
from ravlm.answering.occlusion import GREY, question_words, without
from ravlm.errors import QuestionError
from ravlm.heads.candidates import CandidateHead
from ravlm.heads.classification import ClassificationHead
from ravlm.heads.regression import RegressionHead
from ravlm.heads.units import UnitScale
from ravlm.model.build import FUSIONS
from ravlm.records import Decoded
from ravlm.retrieval.queries.terms import term_spans
from ravlm.retrieval.regions import middle_box
from ravlm.safe.images import read_image

QUESTION = "What is the capital here?"
GRAMS = UnitScale.of("g", [0.0, 0.1, 1.5, 3.2, 4.9, 13.0])


def test_all_attribution_goes_to_the_passage_that_is_read():
    found = explain(made_answerer(), picture(), QUESTION)
    assert (found.answer.text, found.probability) == ("Redville", pytest.approx(0.9))
    drops = {passage.passage_id: passage.effect.drop for passage in found.passages}
    assert drops == pytest.approx({"red#0": 0.7, "red#1": 0, "red#2": 0, "blue#0": 0, "blue#1": 0})
    assert [passage.passage_id for passage in found.passages if passage.cited] == ["red#0"]
    assert [found.answer.hits[passage.hit].passage_id for passage in found.passages] == list(drops)
    lost = next(passage.effect for passage in found.passages if passage.effect.drop > 0.1)
    assert (lost.text, lost.confidence, lost.abstained, lost.exact) == ("Bluetown", pytest.approx(0.8), False, True)


def test_one_passage_goes_and_all_else_stays():
    answerer = made_answerer()
    found = explain(answerer, picture(), QUESTION)
    ids = [hit.passage_id for hit in found.answer.hits]
    for place, name in enumerate(ids):
        without_it = ids[:place] + ids[place + 1 :]
        assert answerer.model.output_layer.rows.count(without_it) == (name is not None)


def test_passages_are_chosen_again_for_a_question_without_a_word():
    """With room for one passage of an entry, another is read when nothing asks for the capital."""
    texts = {"red": ["The capital is Redville, a town here.", "Rivers."]}
    found = explain(made_answerer(passages=1, texts=texts), picture(), "What is the capital of rivers?")
    assert [hit.passage_id for hit in found.answer.hits] == [None, "red#0"]
    drops = {word.word: word.effect.drop for word in found.words}
    assert drops["capital"] == pytest.approx(0.9 - 0.5 * 0.2)
    assert drops["rivers"] == 0.0


def test_an_entry_is_taken_away_with_its_picture_and_passages():
    found = explain(made_answerer(), picture(), QUESTION)
    assert [(entry.entry_id, entry.title) for entry in found.entries] == [("red", "Red"), ("blue", "Blue")]
    assert [entry.effect.drop for entry in found.entries] == pytest.approx([0.7, 0.0])
    assert [entry.effect.entry for entry in found.entries] == ["blue", "red"]


def test_a_region_counts_where_the_picture_decides_and_nowhere_else():
    """The eye sees the mean colour of a corner; covered in part by grey it may be more like the other entry's."""
    answerer = made_answerer(entries=1)
    red, other = np.array((1, 0, 0)), np.array((0.97, 0.17, 0.17))
    answerer.retriever.images.keys[0] = other
    found = explain(answerer, picture(rest=BLUE), QUESTION)
    assert (found.answer.text, len(found.regions)) == ("Redville", 49)
    corner = middle_box((SIDE, SIDE))[0], SIDE // 2  # from, to; of columns and of rows
    turned = 0
    for region in found.regions:
        sides = [min(region.covered[i + 2], corner[1]) - max(region.covered[i], corner[0]) for i in (0, 1)]
        share = max(sides[0], 0) * max(sides[1], 0) / (corner[1] - corner[0]) ** 2
        seen = (1 - share) * np.array(RED) + share * np.array(GREY)
        expected = "blue" if seen @ other / np.linalg.norm(other) > seen @ red else "red"
        assert region.effect.entry == expected
        assert region.effect.drop == pytest.approx(0.7 if expected == "blue" else 0.0)
        assert region.effect.text == ("Bluetown" if expected == "blue" else "Redville")
        turned += expected == "blue"
    assert 3 < turned < 16
    assert GREY == (127, 127, 127)  # the middle of what a pixel can be


def test_modalities_stand_beside_their_weights():
    found = explain(made_answerer(), picture(), QUESTION)
    assert [(m.name, m.weight) for m in found.modalities] == [
        (name, pytest.approx(1 / 3)) for name in ("image", "question", "knowledge")
    ]
    image, question, knowledge = (m.effect for m in found.modalities)
    assert image.probability == pytest.approx(0.45)
    assert image.entry == "red"  # the same is read
    assert question.probability == pytest.approx(0.45)
    assert (knowledge.probability, knowledge.entry) == (pytest.approx(0.2), None)
    assert (found.nothing_found.probability, found.nothing_found.entry) == (pytest.approx(0.1), None)
    assert sum(found.passage_weights) == pytest.approx(1)
    assert len(found.passage_weights) == len(found.answer.hits) == 7


def test_the_key_term_is_the_content_word_with_the_largest_drop():
    found = explain(made_answerer(), picture(), QUESTION)
    assert found.key_term is not None
    assert (found.key_term.word, found.key_term.asked) == ("capital", "What is the here?")
    assert found.key_term.effect.drop == pytest.approx(0.45)
    assert [QUESTION[slice(*word.span)] for word in found.words] == ["What", "is", "the", "capital", "here"]
    assert explain(made_answerer(), picture(), "?!").key_term is None
    nothing_drops = explain(made_answerer(), picture(), "Which rivers has it?")
    assert [word.effect.drop for word in nothing_drops.words] == [0.0] * 4
    assert nothing_drops.key_term is None


def test_a_word_that_asks_is_no_key_term_whatever_it_drops(monkeypatch):
    monkeypatch.setattr(module, "term_spans", lambda text: [span for span in term_spans(text) if span[0] != 12])
    found = explain(made_answerer(), picture(), QUESTION)
    assert {word.word: word.effect.drop for word in found.words}["capital"] == pytest.approx(0.45)
    assert found.key_term is None


def test_a_word_without_which_it_is_surer_is_no_key_term():
    answerer = made_answerer()
    read = answerer.model.output_layer.forward

    def doubtful(fused, knowledge, batch):
        p = read(fused, knowledge, batch)
        return [(q * (0.6 if "rivers" in asked else 1), at) for (q, at), asked in zip(p, batch.questions, strict=True)]

    answerer.model.output_layer.forward = doubtful
    found = explain(answerer, picture(), "Which rivers has the capital?")
    drops = {word.word: word.effect.drop for word in found.words}
    assert (drops["rivers"], drops["capital"]) == (pytest.approx(-0.36), pytest.approx(0.27))
    assert found.key_term is not None
    assert found.key_term.word == "capital"


def test_numbers_within_the_layers_tolerance_are_the_same_answer():
    head = RegressionHead(width=8, units=(GRAMS,), tolerance=0.1)
    answerer = made_answerer()
    answerer.model.output_layer.same = head.same
    answerer.model.output_layer.decode = lambda prediction, knowledge: [
        Decoded(text, p, False, (), ((text, p),))
        for p, _ in prediction
        for text in ["9.91 g" if p > 0.8 else "9.89 g" if p > 0.4 else "5 g"]
    ]
    found = explain(answerer, picture(), QUESTION)
    image, _, knowledge = (m.effect for m in found.modalities)
    assert (found.answer.text, image.text, knowledge.text) == ("9.91 g", "9.89 g", "5 g")
    assert (image.changed, knowledge.changed) == (False, True)


def test_no_more_is_known_of_an_answer_than_its_alternatives_tell():
    found = explain(made_answerer(names=1), picture(), QUESTION)
    gone = next(passage.effect for passage in found.passages if passage.passage_id == "red#0")
    assert (gone.text, gone.exact) == ("Bluetown", False)
    assert (gone.probability, gone.drop) == (pytest.approx(0.2), pytest.approx(0.7))  # what Bluetown's 0.8 leaves
    kept = next(passage.effect for passage in found.passages if passage.passage_id == "red#1")
    assert (kept.exact, kept.drop) == (True, 0.0)


def test_what_is_too_much_is_not_tried_and_told(monkeypatch):
    answerer = made_answerer()
    monkeypatch.setattr(module, "PASSAGES", 2)
    monkeypatch.setattr(module, "ENTRIES", 1)
    monkeypatch.setattr(module, "WORDS", 2)
    found = explain(answerer, picture(), "Well, so what is the capital, if there are rivers?")
    assert found.passages[0].passage_id == "red#0"  # it is cited
    assert (len(found.passages), len(found.entries)) == (2, 1)
    assert [word.word for word in found.words] == ["Well", "capital"]  # content words come first
    assert found.skipped == {"entries": 1, "passages": 3, "words": 8}


def test_a_cited_passage_is_tried_wherever_it_stands(monkeypatch):
    texts = {"red": ["The capital is Redville."], "a": ["The capital of it is Elsewhere, a capital."]}
    answerer = made_answerer(texts=texts)
    answerer.retriever.images.keys[0] = (0.9, 0.0, 0.0)
    answerer.retriever.images.keys[1] = (0.1, 0.0, 0.9)
    monkeypatch.setattr(module, "PASSAGES", 1)
    found = explain(answerer, picture(), QUESTION)
    assert [hit.passage_id for hit in found.answer.hits] == [None, "a#0", None, "red#0"]
    assert [passage.passage_id for passage in found.passages] == ["red#0"]


def test_the_cost_is_bounded():
    answerer = made_answerer()
    explain(answerer, picture(), " ".join(["capital"] * 200))
    assert answerer.model.visual_encoder.looks == 49 + 2  # the grid, the answer, and what it is compared with


def test_a_picture_of_few_pixels_has_few_regions():
    answerer = made_answerer()
    answerer.model.visual_encoder.preprocess = lambda view: torch.full((3, 2, 2), 9, dtype=torch.uint8)
    assert len(explain(answerer, Image.new("RGB", (3, 2), RED), QUESTION).regions) == 4


@pytest.mark.parametrize("kind", sorted(FUSIONS))
@pytest.mark.parametrize("closed", [False, True])
def test_every_fusion_and_either_output_layer_is_explained(kind, closed):
    torch.manual_seed(0)
    answerer = made_answerer()
    vocabulary = ClassificationHead(width=8, vocabulary=["Redville", "Rome"])
    head = vocabulary if closed else CandidateHead(width=8, vocabulary=vocabulary, max_span=4)
    answerer.model.fusion_module = FUSIONS[kind](visual_width=3, language_width=8, width=8).eval()
    answerer.model.output_layer = head.eval()
    found = explain(answerer, picture(), QUESTION)
    told = effects(asdict(found))
    assert len(told) == 3 + 1 + 2 + 5 + 49 + 5 + (found.key_term is not None)
    assert all(-1e-6 <= effect["probability"] <= 1 + 1e-6 for effect in told)
    assert found.probability == pytest.approx(found.answer.confidence, abs=1e-6)
    assert {m.weight is None for m in found.modalities} == {not found.answer.weights}
    assert sum(found.passage_weights) <= 1 + 1e-5
    assert not closed or all(effect["exact"] for effect in told)
    image = found.modalities[0].effect.probability
    assert image != found.probability  # that it is gone is seen


@pytest.mark.parametrize("question", ["", "  ", "why " * 600])
def test_what_can_not_be_asked_can_not_be_explained(question):
    with pytest.raises(QuestionError):
        made_answerer().explain(picture(), question)


@pytest.fixture(scope="module")
def explained(trained, coloured):
    """A trained model's answerer, a picture of an unseen thing, and the explanation of its answer."""
    answerer = Answerer.open(trained)
    shown = read_image(coloured / f"images/test-{UNSEEN[0]}-0.png")
    return answerer, shown, answerer.explain(shown, ASKED["keeper"])


def test_without_a_word_it_is_what_asking_so_gives(explained):
    answerer, shown, found = explained
    assert max(abs(word.effect.drop) for word in found.words) > 0.01
    assert found.key_term is None or found.key_term.word == "keeps"
    for word in found.words:
        asked = answerer.ask(shown, word.asked, "en")
        assert (asked.text, asked.confidence) == (word.effect.text, pytest.approx(word.effect.confidence, abs=1e-5))
        if asked.text == found.answer.text:
            assert word.effect.probability == pytest.approx(asked.confidence, abs=1e-5)


def test_with_everything_it_is_the_answer(explained):
    answerer, shown, found = explained
    asked = answerer.ask(shown, ASKED["keeper"])
    assert (asked.text, asked.hits, asked.citations[0].span) == (
        found.answer.text,
        found.answer.hits,
        found.answer.citations[0].span,
    )
    assert found.probability == pytest.approx(asked.confidence, abs=1e-6)


def test_the_trained_model_stands_on_its_passage_and_its_picture(explained):
    _, _, found = explained
    lost = {passage.passage_id: passage.effect.drop for passage in found.passages}
    assert max(lost, key=lost.get) == f"{UNSEEN[0]}#0"
    assert lost[f"{UNSEEN[0]}#0"] > 0.5 * found.probability
    assert found.entries[0].effect.drop == pytest.approx(lost[f"{UNSEEN[0]}#0"], abs=0.2)
    image, question, knowledge = (m.effect.drop for m in found.modalities)
    assert min(image, knowledge) > 0.5 * found.probability
    assert question > 0.05
    assert sum(m.weight for m in found.modalities) == pytest.approx(1, abs=1e-5)


def test_a_batch_is_as_one_by_one(explained, monkeypatch):
    answerer, shown, found = explained
    monkeypatch.setattr(module, "_AT_ONCE", 1)
    single = answerer.explain(shown, ASKED["keeper"])
    for one, other in zip(effects(asdict(single)), effects(asdict(found)), strict=True):
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-5)
        assert (one["text"], one["entry"], one["abstained"]) == (other["text"], other["entry"], other["abstained"])


def effects(found):
    """Every effect in an explanation's dictionary."""
    if isinstance(found, dict):
        if "drop" in found:
            return [found]
        found = list(found.values())
    return [effect for part in found for effect in effects(part)] if isinstance(found, list | tuple) else []


def test_an_explanation_is_json(explained):
    _, _, found = explained
    written = json.loads(json.dumps(asdict(found), allow_nan=False))
    assert [word["word"] for word in written["words"]] == [word.word for word in found.words]
    count = 3 + 1 + 2 + len(found.passages) + 49 + len(found.words) + (found.key_term is not None)
    assert len(effects(written)) == count
    assert all(e["drop"] == pytest.approx(found.probability - e["probability"]) for e in effects(written))


def test_words_of_chinese_are_its_terms_and_what_stands_between():
    text = "这个国家的首都是哪里？GDP 是多少？"
    assert [text[a:b] for a, b in question_words(text)] == ["这个", "国家", "的", "首都", "是哪里", "GDP", "是多少"]
    assert without(text, (5, 7)) == "这个国家的是哪里？GDP 是多少？"
    text = "Naïve cafe\u0301: how many km² (−5.2 °C)?"
    spans = question_words(text)
    assert [text[a:b] for a, b in spans] == ["Naïve", "cafe\u0301", "how", "many", "km²", "−5.2", "C"]
