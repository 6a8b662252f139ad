"""Articles and questions of the flags world: every answer stands where the evidence says, no question tells it."""

from typing import Any

import numpy as np
import pytest

from ravlm.data.flags.facts import RELATIONS, countries
from ravlm.data.flags.names import LANGUAGES, country_name, in_sentence
from ravlm.data.flags.prose import article, section_of
from ravlm.data.flags.questions import question, wordings


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", range(3))
def test_every_fact_stands_in_its_section_as_its_answer(language: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for country in countries().values():
        sections = {prose.title: prose for prose in article(country, language, rng)}
        for relation, value in country.values(language).items():
            prose = sections[section_of(relation, language)]
            assert value.text in prose.text
            assert relation in prose.relations
            if value.kind == "all_of":
                assert all(member in prose.text for member in value.answers)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_article_has_7_sections_of_2_to_5_sentences_and_no_blanks(language: Any) -> None:
    rng = np.random.default_rng(0)
    end = ". " if language == "en" else "。"
    for country in countries().values():
        found = article(country, language, rng)
        assert len({prose.title for prose in found}) == 7
        for prose in found:
            assert 2 <= (prose.text + " ").count(end) <= 5 + prose.text.count("St. ")
            assert "{" not in prose.text
            assert "  " not in prose.text


def test_articles_vary_in_their_wording() -> None:
    country = countries()["AM"]
    texts = {
        prose.text.replace("Armenia", "")
        for seed in range(12)
        for prose in article(country, "en", np.random.default_rng(seed))
        if prose.title == "Geography"
    }
    assert len(texts) >= 10


@pytest.mark.parametrize("language", LANGUAGES)
def test_wordings_are_many_and_held_out_ones_apart(language: Any) -> None:
    for relation in RELATIONS:
        train, held_out = (wordings(relation, language, kind) for kind in ("train", "heldout"))
        assert len(set(train)) >= 4
        assert len(set(held_out)) >= 2
        assert not set(train) & set(held_out)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_question_fits_two_relations_or_names_a_country(language: Any) -> None:
    names = {country_name(code, language) for code in countries()} | {
        in_sentence(code, language) for code in countries()
    }
    seen: dict[str, str] = {}
    for relation in RELATIONS:
        for wording in [*wordings(relation, language, "train"), *wordings(relation, language, "heldout")]:
            assert seen.setdefault(wording, relation) == relation
        for seed in range(20):
            text = question(relation, language, "train", np.random.default_rng(seed)).text
            assert not [name for name in names if name in text]
            assert "{" not in text


def test_a_question_avoids_wordings_while_others_are_left() -> None:
    every = wordings("capital", "en", "train")
    rng = np.random.default_rng(0)
    assert {question("capital", "en", "train", rng, avoid=every[1:]).wording for _ in range(9)} == {every[0]}
    assert question("capital", "en", "train", rng, avoid=every).wording in every


def test_held_out_wordings_share_their_words_with_training_and_articles() -> None:
    rng = np.random.default_rng(0)
    known = " ".join(
        [w for relation in RELATIONS for w in wordings(relation, "en", "train")]
        + [prose.text for country in countries().values() for prose in article(country, "en", rng)]
    )
    words = {word.strip("?,.:;()").lower() for word in known.split()}
    held_out = " ".join(wording for relation in RELATIONS for wording in wordings(relation, "en", "heldout"))
    assert {word.strip("?,.:;{}").lower() for word in held_out.split()} - words == {"c"}
