import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ravlm.knowledge.sources.wikipedia.titles import Names, is_disambiguation
from ravlm.knowledge.sources.wikipedia.wikitext import Wikitext

ENGLISH = Wikitext("en", {6: "File", 10: "Template", 12: "Help", 14: "Category"})
CHINESE = Wikitext("zh", {6: "File", 14: "Category"})


def plain(wikitext: str, reader: Wikitext = ENGLISH) -> str:
    """The article's sections, a heading as `# title`."""
    sections = reader.read(wikitext, "The Title").sections
    return "\n\n".join(f"# {section.title}\n{section.text}" if section.title else section.text for section in sections)


def check(wikitext: str, expected: str, reader: Wikitext = ENGLISH) -> None:
    assert plain(wikitext, reader) == expected


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("An '''ant''' is an ''insect'', '''''both'''''.", "An ant is an insect, both."),
        ("''Animal Farm'''s theme", "Animal Farm's theme"),
        ("L'''Iliade'' est", "L'Iliade est"),
        ("l'''amour''', l'''amie'''", "lamour, lamie"),
        ("''''quoted bold''' a", "'quoted bold a"),
        ("it's 5'' and a", "it's 5 and a"),
        ("'''Bold{{'}}s''' and ''it''{{'s}}", "Bold's and it's"),
        ("a<br>b<br />c", "a\nb\nc"),
        ("<blockquote>q</blockquote>r", "q\n\nr"),
        ("5 < 6, <T> and a<b c", "5 < 6, <T> and a<b c"),
        ("x<sup>2</sup> 10<sup>-3</sup> H<sub>2</sub>O 19<sup>th</sup>", "x² 10⁻³ H2O 19th"),
        ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>", "漢(kan)"),
        ("<SPAN style='a'>x</Span>", "x"),
        ("A&amp;B &lt;b&gt; &amp;nbsp;x&nbsp;y&#160;z &#x4e2d; &amp;ndash; &amp;lt;", "A&B <b> x y z 中 – &lt;"),
        ("a&#124;b &#91;&#91;c]]", "a|b [[c"),
        ("a\u200bb\u00adc\x07d\r\ne", "abcd e"),
        ("a  b\t c", "a b c"),
        ("__NOTOC__a __init__ __无目录__b ~~~~", "a __init__ b"),
        ("one\nparagraph\n\nanother\n\n\n\nthird", "one paragraph\n\nanother\n\nthird"),
        (" indented\nline", "indented line"),
        ("----\na", "a"),
        ("", ""),
        (" \n\n ", ""),
    ],
)
def test_inline_markup(wikitext: str, expected: str) -> None:
    check(wikitext, expected)


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("a<!-- x -->b", "ab"),
        ("a\n<!-- a line -->\nb", "a b"),
        ("<!-- unclosed a", "unclosed a"),
        ('a<ref>x</ref> b<ref name=y/>, c <ref name="z">{{cite|a=[[b]]}}</ref>.', "a b, c."),
        ("a <ref>unclosed b <ref>c</ref> d", "a unclosed b d"),
        ("a<ref>b<ref>c</ref>d</ref>e", "ae"),
        ("a</ref>b", "ab"),
        ("<nowiki>[[a]] {{b}} ''c''</nowiki>", "[[a]] {{b}} ''c''"),
        ("<nowiki>unclosed [[a]]", "unclosed a"),
        ("'''<nowiki/>''' a", "a"),
        ("so <math>\\frac{a}{b}</math> is", "so \\frac{a}{b} is"),
        ("<chem>H2O</chem>", "H2O"),
        ("<pre>\n a  [[b]]\n  c\n</pre>\nd", " a  [[b]]\n  c\n\nd"),
        ("<syntaxhighlight lang='py'>\nif a < b:\n    c()\n</syntaxhighlight>", "if a < b:\n    c()"),
        ("<source>{{x}}</source>", "{{x}}"),
        ("<gallery>\nFile:a.jpg|b\n</gallery>c", "c"),
        ("<timeline>x</timeline><score>y</score><imagemap>z</imagemap>c", "c"),
        ("<poem>\na\n''b''\n</poem>\nc", "a\nb\n\nc"),
        ("<includeonly>x</includeonly><noinclude>y</noinclude>", "y"),
    ],
)
def test_comments_references_and_raw_text(wikitext: str, expected: str) -> None:
    check(wikitext, expected)


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("[[a]] [[a|b]] [[bus]]es [[a#b|c]] [[#b]]", "a b buses c b"),
        ("[[Ant (animal)|]] [[Help:Ant (animal)|]]", "Ant Ant"),
        ("[[:File:x.jpg]] [[:Category:x|y]] [[:de:Foo]]", "File:x.jpg y de:Foo"),
        ("[[File:a.jpg|thumb|200px|A [[b|c]] {{d}} [http://x.y z]]] text", "text"),
        ("[[Datei:a.jpg]][[Image:b.png|c]][[文件:d.jpg]] text", "text"),
        ("text [[Category:x]]\n[[de:Foo]]\n[[zh-min-nan:Foo]]", "text"),
        ("[[a|b|c]]", "b|c"),
        ("[[[a]]]", "[a]"),
        ("[[a|[b]]]", "[b]"),
        ("[http://a.b/c?d=e the label] [//c d] [mailto:a@b e] [sic]", "the label d e [sic]"),
        ("see http://a.b/c.", "see http://a.b/c."),
        ("[[unclosed and [[b]] c", "unclosed and b c"),
        ("a ]] b }} c", "a b c"),
        ("[[a\nb]] c", "a b c"),
        ("[[Image:x.png|thumb|unclosed\n== H ==\ntext]] after", "Image:x.png|thumb|unclosed\n\n# H\ntext after"),
    ],
)
def test_links(wikitext: str, expected: str) -> None:
    check(wikitext, expected)


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("{{Infobox x\n| a = {{b|[[c|d]]}}\n| e = f\n}}\nText.", "Text."),
        ("{{convert|12|km|mi}}, {{convert|5|to|10|km2|sqmi|abbr=on}}", "12 km, 5 to 10 km²"),
        (
            "{{cvt|6|ft|2|in|cm}}; {{Convert|22|e6acre}}; {{convert|30|C}}; {{convert}}",
            "6 ft 2 in; 22 million acres; 30 °C;",
        ),
        ("{{lang|fr|Bonjour}} {{lang-de|Tag}} {{langx|es|hola}} {{transl|ar|ALA|y}}", "Bonjour Tag hola y"),
        ("{{nihongo|Tokyo Tower|東京タワー|Tōkyō tawā}}", "Tokyo Tower (東京タワー, Tōkyō tawā)"),
        ("{{nowrap|a b}}{{nbsp}}{{small|c}}{{snd}}d{{ndash}}e", "a b c – d–e"),
        (
            "{{as of|2010}}, {{As_of|2010|6|lc=y}}; {{circa|1200}}; {{abbr|Dr|Doctor}}{{sfn|A|2000}}",
            "As of 2010, as of June 2010; c. 1200; Dr",
        ),
        (
            "{{val|1.2|0.3|e=5|u=km}} {{formatnum:12345}} {{frac|1|2}} {{frac|3|1|2}}",
            "1.2 ± 0.3 × 10^5 km 12345 1/2 3 1/2",
        ),
        ("{{lc:ABC}} {{PAGENAME}} {{#if:x|y|z}}{{{1|default}}}{{{2}}}", "abc The Title default"),
        ("{{ill|A|de|B}} {{le|甲|A}} {{le|甲|A|乙}} {{link-en|蜜蜂|Bee}} {{tsl|en|Fly|苍蝇}}", "A 甲 乙 蜜蜂 苍蝇"),
        ("{{nowrap|1={{lang|fr|2=deep}} text}}", "deep text"),
        ("{{birth date and age|1950|5|6}}; {{USS|Enterprise|CV-6}}", "6 May 1950; USS Enterprise (CV-6)"),
        ("{{quote|He said.|Bob}}", "He said."),
        ("{{unclosed | a\nText {{x}} [[y]].\n\n== H ==\nz", "unclosed | a Text y.\n\n# H\nz"),
        ("{{half\n== H ==\nz}} rest", "half\n\n# H\nz rest"),
        ("{{a|[[b}} c", "c"),
        ("Paris ({{IPA|x}}; {{audio|a.ogg}}) is", "Paris is"),
        ("Paris ({{IPA|x}}, born 1950) is", "Paris (born 1950) is"),
        ("Paris (born 1950; {{x}}) is", "Paris (born 1950) is"),
        ("foo {{x}}, bar {{y}} baz {{z}}.", "foo, bar baz."),
        ("f() and g( ; ) stay ()", "f() and g( ; ) stay ()"),
    ],
)
def test_templates(wikitext: str, expected: str) -> None:
    check(wikitext, expected)


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("x\n* a\n** b\n# c\n: d\n; e : f\n*\n* {{g}}\ny", "x\n\n- a\n- b\n- c\n- d\n- e: f\n\ny"),
        (
            '{| class=wikitable style="a"\n|+ Caption\n! A !! B\n|-\n| 1 || style="x" | 2\n|-\n| colspan=2 | [[c|d]]'
            "<br>e\n* f\n|}\nafter",
            "Caption\n- A | B\n- 1 | 2\n- d e f\n\nafter",
        ),
        ('{| class="infobox"\n| a\n|}\nafter', "after"),
        ("{|\n|\n{|\n| in\n|}\n| out\n|}", "- in\n- out"),
        ("{| class=x\n| a\n|-\n== H ==\nb", "a\n\n# H\nb"),
        ("<table><tr><th>a</th><td class=x>b</td></tr><tr><td>c</td></tr></table>z", "- a | b\n- c\n\nz"),
        ("<ul><li>a</li><li>b</li></ul>c", "- a\n- b\n\nc"),
    ],
)
def test_lists_and_tables(wikitext: str, expected: str) -> None:
    check(wikitext, expected)


def test_headings_make_sections() -> None:
    check(
        "lead\n== A ==\nx\n=== ''B'' [[c|d]] <!-- e --> ===\ny\n==Empty==\n== {{lang|fr|F}} &amp; "
        "<nowiki>''g''</nowiki> ==\nz\n== not == one\n=====",
        "lead\n\n# A\nx\n\n# B d\ny\n\n# F & ''g''\nz == not == one =====",
    )


def test_sections_that_only_help_to_look_further_go_where_they_hold_no_prose() -> None:
    check(
        "a\n== See also ==\n* [[b]]\n== References ==\n{{reflist}}\n=== Books ===\n* c\n== Notes ==\nSomeone wrote "
        "this.\n* d\n== Works ==\n* e",
        "a\n\n# Notes\nSomeone wrote this.\n\n- d\n\n# Works\n- e",
    )
    check("甲\n== 参考文献 ==\n* 乙\n== 外部链接 ==\n* [http://a.b 丙]\n== 分布 ==\n丁", "甲\n\n# 分布\n丁")


def test_chinese() -> None:
    check(
        "{{NoteTA|1=zh-hans:甲}}[[文件:蚂蚁.jpg|缩略图|说明]]\n'''蚂蚁'''（{{lang-en|ant}}，[[拉丁语]]：''Formica''）（{{IPA|x}}；）是\n"
        "一种[[昆虫|虫]]。<ref>来源</ref>",
        "蚂蚁（ant，拉丁语：Formica）是一种虫。",
        CHINESE,
    )
    check("{{bd|1879年|3月14日|1955年|4月18日}}", "（1879年3月14日－1955年4月18日）", CHINESE)


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("-{zh-hans:计算机;zh-hant:電腦}-", "计算机"),
        ("-{zh-tw:電腦}-", "電腦"),
        ("-{机}-器", "机器"),
        ("a-{H|zh:甲;zh-tw:乙}-b", "ab"),
        ("-{A|zh-cn:甲; zh-tw:乙}-", "甲"),
        ("-{zh-hans;zh-hant|文}--{R|原}-", "文原"),
        ("-{zh:{{lc:A}}}--{{lc:B}}", "a-b"),
        ("[[甲|-{zh-cn:乙;zh-tw:丙}-]]", "乙"),
        ("-{甲 [[乙]]", "甲 乙"),
    ],
)
def test_language_variants(wikitext: str, expected: str) -> None:
    check(wikitext, expected, CHINESE)


def test_other_languages_have_no_variants() -> None:
    check("a -{b}- c", "a -{b}- c")


@pytest.mark.parametrize(
    ("wikitext", "image"),
    [
        ("{{Infobox\n| name = x\n| map = m.svg\n| image = ant_worker.jpg <!-- c -->\n}}", "Ant worker.jpg"),
        ("{{Infobox| emblem = e.png | caption = A. B.jpg is not this}}", "E.png"),
        ("{{信息框|图像=蚂蚁.jpg}}", "蚂蚁.jpg"),
        ("{{Infobox|image=[[File:a.jpg|250px]]}}[[File:b.jpg]]", "A.jpg"),
        ("[[File:lock.svg|20px]][[File:b.jpg|thumb|200x20px]]", "B.jpg"),
        ("[[File:a.jpg|thumb]]{{Infobox|logo=File:c.PNG{{!}}border}}", "C.PNG"),
        ("text\n== H ==\n[[File:a.jpg]]{{Infobox|image=b.jpg}}", None),
        ("[[File:a.ogg]]{{x|image=y}}", None),
        ("{{Infobox|image=../../etc/passwd}}", None),
        ("{{Infobox|image=../../a.jpg}}[[File:..\\a.jpg]][[File:/etc/a.png]]", None),
    ],
)
def test_the_lead_image(wikitext: str, image: str | None) -> None:
    assert CHINESE.read(wikitext).lead_image == image


@pytest.mark.parametrize(
    "name",
    [
        "Disambig",
        "disambiguation",
        "Hndis",
        "消歧义",
        "Human name disambiguation",
        "Begriffsklärung",
        "disambiguation page",
    ],
)
def test_disambiguation_pages_are_told(name: str) -> None:
    assert ENGLISH.read(f"'''A''' may be:\n* b\n{{{{{name}|x}}}}").disambiguation
    assert ENGLISH.read("a __DISAMBIG__").disambiguation
    assert not ENGLISH.read("a {{disambiguation needed}} {{About|b}}").disambiguation
    assert not is_disambiguation("bar")


def test_namespaces_of_the_wiki_are_known() -> None:
    names = Names({6: "Dosya özel", 14: "Xyz"})
    assert [names.kind(prefix) for prefix in ("dosya_özel", " XYZ ", "Image", "de", "Talk")] == [
        "file", "category", "file", "language", None,
    ]  # fmt: skip


MARKS = """
{{ }} [[ ]] {{{ }}} | = == <ref> </ref> <ref/> {| |} |- !! ''' '' -{ }- <!-- --> <nowiki> </nowiki> <br> File:a.jpg a 中
&amp; &# ] [ { } ( ) ; * convert lang 0 nowrap| <table> <pre> </pre> <poem>
"""
TOKENS = st.sampled_from([" ", "\n", "\x00", "\x02", "[http://a ", *MARKS.split()])


@given(st.lists(TOKENS, max_size=60).map("".join) | st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read(wikitext: str) -> None:
    for reader in (ENGLISH, CHINESE):
        for section in reader.read(wikitext, "T").sections:
            assert section.text == section.text.strip("\n")
            assert section.text
            assert not any(ord(letter) < 32 and letter not in "\n\t" for letter in section.title + section.text)
            (section.title + section.text).encode()


BALANCED = st.recursive(
    st.sampled_from(["a", "two words", "中文", "x=y", "File:b.jpg", "lang", "''", "\n"]),
    lambda inner: st.lists(inner, max_size=4).flatmap(
        lambda parts: st.sampled_from(
            ["".join(parts)]
            + [
                opened + "|".join(parts) + closed
                for opened, closed in (("{{", "}}"), ("[[", "]]"), ("<ref>", "</ref>"))
            ]
        )
    ),
    max_leaves=30,
)


@given(BALANCED)
@settings(max_examples=300, deadline=None)
def test_nothing_of_balanced_markup_is_left(wikitext: str) -> None:
    text = plain(wikitext)
    assert not any(mark in text for mark in ("{{", "}}", "[[", "]]", "<ref", "</ref"))


WORDS = st.text(st.characters(categories=["L", "N"], exclude_characters="\u00aa"), min_size=1, max_size=8)
PROSE = st.lists(
    st.lists(WORDS, min_size=1, max_size=8).map(lambda words: ", ".join(words) + "."), min_size=1, max_size=4
).map("\n\n".join)


@given(PROSE)
@settings(deadline=None)
def test_plain_prose_passes_unchanged(prose: str) -> None:
    assert plain(prose) == prose
    assert plain(f"{{{{Infobox|a=b}}}}\n{prose}\n== References ==\n{{{{reflist}}}}") == prose


def lines_run(work: Callable[[], Any]) -> int:
    """How many lines of Python run during some work."""
    count = 0

    def local(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return local

    before = sys.gettrace()
    sys.settrace(local)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


HOSTILE = """
{{ [[ {{{ {{a| [[a| <ref> <ref_ </ref> <!-- <nowiki> <poem> }} ]] -{ -{zh:a; {|~ |~ |}~ {|~|a~b~ {{a}}, (({{a}} ({{a}}_
''a'''b ' = ~= ==a==~ [http://a_ [// &# _ ~ __A *_a~ [[File:a.jpg| {{nowrap| {{convert| <sup>1 {{lc: <div> < &amp; ,_
{|~|a~|}~ a_
""".replace("\n", " ").split()


@pytest.mark.parametrize("piece", HOSTILE)
def test_work_grows_with_the_length(piece: str) -> None:
    """Twice the text takes about twice the steps; and what runs within regular expressions ends at all at 200 kB."""

    def steps(times: int) -> int:
        text = piece.replace("_", " ").replace("~", "\n") * times + "}}]]-->|}}-"
        return lines_run(lambda: CHINESE.read(text))

    assert steps(800) <= 2.3 * steps(400) + 2000
    CHINESE.read(piece.replace("_", " ").replace("~", "\n") * (200_000 // len(piece)))


@pytest.mark.parametrize(
    ("opened", "closed"), [("{{nowrap|", "}}"), ("[[a|", "]]"), ("{{a|", "}}"), ("{{{a|", "}}}"), ("<ref>", "</ref>")]
)
def test_what_nests_deeper_than_anything_is_read(opened: str, closed: str) -> None:
    for times in (10, 59):
        assert plain(f"a {opened * times}b{closed * times} c") in ("a b c", "a c")
    assert plain(f"a {opened * 5000}b{closed * 5000} c").endswith(" c")
