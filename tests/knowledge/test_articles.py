from pathlib import Path

import pytest

from pictures import picture
from ravlm.errors import ImageError, KnowledgeError, PathError
from ravlm.knowledge.articles import set_article
from ravlm.knowledge.markdown import read_markdown
from ravlm.knowledge.rows import picture_id
from ravlm.knowledge.store import KnowledgeBase
from ravlm.records import Entry, Section


def test_markdown_becomes_sections() -> None:
    article = read_markdown(
        "# The *Ant*\n\nAn **ant** is an\ninsect. <!-- no -->\n\n![it](ant%20a.png)\n## Legs ##\n"
        "It has [six](https://x.org).\n\n- one\n- two\n\nEyes\n----\n它有\n两只眼睛。\n### Empty\n"
    )
    assert article.title == "The Ant"
    assert article.pictures == ("ant a.png",)
    assert article.sections == (
        Section("", "An ant is an insect."),
        Section("Legs", "It has six.\n\n- one\n- two"),
        Section("Eyes", "它有两只眼睛。"),
    )


@pytest.mark.parametrize(
    ("markdown", "prose"),
    [
        ("", ""),
        ("5 * 3 is 15, 2 ** 3 is 8", "5 * 3 is 15, 2 ** 3 is 8"),
        ("a_b_c and `code`", "a_b_c and code"),
        ("Title\n===\ntext", "text"),
        ("above\n\n---\n\nbelow", "above\n\nbelow"),
        ("#hashtag is no heading", "#hashtag is no heading"),
        ("\ufeff# T\r\ntext\r\n", "text"),
        ("> quoted", "quoted"),
    ],
)
def test_small_things_of_markdown(markdown: str, prose: str) -> None:
    assert read_markdown(markdown).prose == prose


def test_an_article_replaces_the_prose_and_keeps_the_rest(base: KnowledgeBase) -> None:
    before = base.get("e1")
    after = set_article(base, "e1", "The new text.")
    assert (after.text, after.sections, after.title) == ("The new text.", (), "Title 1")
    assert (after.images, after.source) == (before.images, "s")
    assert base.get("e1") == after
    titled = set_article(base, "e1", "# Named\nAll.\n## More\nOf it.")
    assert (titled.title, titled.text) == ("Named", "")
    assert titled.sections == (Section("", "All."), Section("More", "Of it."))
    assert set_article(base, "e1", "# Named\nAll.", title="Given").title == "Given"


def test_other_languages_stay(base: KnowledgeBase) -> None:
    chinese = (Section("地理", "首都是巴黎。", "zh"),)
    base.upsert([Entry("fr", "France", sections=(Section("Geography", "Its capital is Paris."), *chinese))])
    english = set_article(base, "fr", "## Geography\nIts capital is Lyon.")
    assert english.sections == (Section("Geography", "Its capital is Lyon."), *chinese)
    both = set_article(base, "fr", "# 法国\n## 地理\n首都是里昂。")
    assert both.sections == (Section("Geography", "Its capital is Lyon."), Section("地理", "首都是里昂。", "zh"))
    assert (both.title, both.aliases) == ("France", ("法国",))
    french = set_article(base, "fr", "La capitale est Lyon.", language="fr")
    assert french.sections == (*both.sections, Section("", "La capitale est Lyon.", "fr"))


def test_a_text_in_another_language_becomes_a_section(base: KnowledgeBase) -> None:
    assert set_article(base, "e1", "第一。").sections == (Section("", "Text 1."), Section("", "第一。", "zh"))


def test_pictures_are_replaced_when_named(base: KnowledgeBase, tmp_path: Path) -> None:
    articles = tmp_path / "articles"
    articles.mkdir()
    (articles / "a.png").write_bytes(picture(40))
    (tmp_path / "b.png").write_bytes(picture(41))
    entry = set_article(base, "e1", "Text. ![](a.png)", folder=articles, images=[tmp_path / "b.png"])
    assert entry.images == (picture_id(picture(40)), picture_id(picture(41)))
    assert base.picture(entry.images[0]) == picture(40)
    assert entry.text == "Text."


def test_a_new_id_makes_an_entry(base: KnowledgeBase) -> None:
    entry = set_article(base, "new", "# 新\n这是新的。")
    assert entry == Entry("new", "新", text="这是新的。", language="zh", source="article")
    assert set_article(base, "newer", "Text.", title="Newer").title == "Newer"


def test_what_can_not_be_set_changes_nothing(base: KnowledgeBase, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    before = base.fingerprint
    with pytest.raises(KnowledgeError, match="has no text"):
        set_article(base, "e1", "# Only a title\n")
    with pytest.raises(KnowledgeError, match="is new, and has no title"):
        set_article(base, "new", "Text.")
    with pytest.raises(ImageError):
        set_article(base, "e1", "Text. ![](a.png)", folder=tmp_path)
    for link in ("https://x.org/a.png", "../../a.png", "/etc/passwd", "missing.png"):
        with pytest.raises(PathError):
            set_article(base, "e1", f"Text. ![]({link})", folder=tmp_path)
    with pytest.raises(PathError, match="no file beside it"):
        set_article(base, "e1", "Text. ![](a.png)")
    base.refresh()
    assert base.fingerprint == before
