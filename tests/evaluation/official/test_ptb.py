"""How captions are cut into tokens: by hand, and against the official program where it can be run."""

import itertools
import json
import shutil
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from documents import ROOT
from ravlm.evaluation.official.ptb import tokenised

CAPTIONS = ROOT.parent / "shared" / "data" / "coco" / "captions_val2017.json"
METRICS = ROOT.parent / "shared" / "data" / "metrics"

# What the official program makes of each text, kept by running it.
CUT = {
    "A man's dog, isn't it?": "a man 's dog is n't it",
    "I cannot; I'm gonna 'til 'twas": "i can not i 'm gon na 'til 't was",
    "the colour (grey) [x] {y}": "the colour -lrb- grey -rrb- -lsb- x -rsb- -lcb- y -rcb-",
    "black-and-white cat; 2-year-old": "black-and-white cat 2-year-old",
    "$5.00 50% #1 a/b x*y 1/2": "$ 5.00 50 % # 1 a/b x * y 1/2",
    "at 23 3/4 St": "at 23\u00a03/4 st",
    "U.S. and Mr. Smith etc. no. 5 no. dog": "u.s. and mr. smith etc. no. 5 no dog",
    "wait... what.... oh.. no": "wait what oh no",
    "\"quoted\" 'single' “x” ‘y’": "quoted single x y",
    "www.foo.com http://a.b/c a@b.com @user #tag": "www.foo.com http://a.b/c a@b.com @user #tag",
    "12:30pm 1,000 10th 1990's '90s dogs'": "12:30 pm 1,000 10th 1990 's '90s dogs",
    "a -- b - c – d — e": "a b c d e",
    "AT&T & co &amp; a&b": "at&t & co & a & b",
    "!!! ?! ?? ? !": "!!! ?! ??",
    "½ é naïve 日本 5€ £3 👊": "1/2 é naïve 日本 5 $ # 3",
    "rock 'n' roll o'brien Y'all o'clock": "rock 'n' roll o'brien y' all o'clock",
    "2.5v 30.7lbs -5kg 5ft 10x10": "2.5 v 30.7 lbs -5 kg 5ft 10x10",
    "5'10\" :-) =D C++ c#": "5 10 :--rrb- =d c++ c#",
    "5'10 or '99, in '05": "5 '10 or 99 in '05",
    "player''s arm": "player s arm",
    "vitamin C. The dog": "vitamin c the dog",
    "vitamin C. Dogs": "vitamin c. dogs",
    "a\u00adb <br> x": "ab <br> x",
    "a Prof. b, Az. az. Mass. mass. Mfg. MFG.": "a prof. b az. az mass. mass mfg. mfg",
    "Ph.D. and Ed.D. x": "ph.d. and ed.d. x",
    "dog., cat.; x 5.": "dog. cat. x 5",
    "No. 5 No. x No.": "no. 5 no x no",
    "red,blue-green 1,411-line red,blue 1,000-2,000": "red,blue-green 1,411-line red blue 1,000-2 ,000",
    "U.S.-U.K. a.m.-p.m. on-the-go.": "u.s.-u.k. a.m.-p.m. on-the-go",
    "US$5 HK$ A$, aUS$ $5": "us$ 5 hk$ a$ aus $ $ 5",
    "rock'n'roll drum 'n bass": "rock 'n' roll drum 'n bass",
    "a..b a...b ab..c": "a. b a. b ab c",
    "wanna-be cannot's gonna've cannot.x cannot": "wanna-be cannot 's gonna 've cannot.x can not",
    "'tis 'twas-x 'tisn't 'tisx": "'t is 't was-x 't is n't 't isx",
    "100km/h a/b/c/d 1/2-inch 3-1/2 x": "100km/h a/b/c / d 1/2-inch 3-1/2 x",
    "S&P500 AT&amp;T A+B M&Ms": "s&p 500 at&t a+b m&m s",
    "it&#39;s it&apos;s &AMP; &mdash; x": "it &#39; s it 's & x",
    "-LRB- -rsb- x": "-lrb- -rsb- x",
    "^_^ (^_^) :'( :-[ >:) x": "^_^ -lrb-^_^-rrb- :'-lrb- :-[ >:-rrb- x",
    "well\u2010known well\u2011known well\u2012known": "well\u2010known well\u2011known well known",
    "ma\u0308dchen a\u0308-b a-e\u0308 5\u0308": "ma\u0308dchen a\u0308 b a-e \u0308 5 \u0308",
    "call (555) 555 1234 or 2014 2015 2016": "call -lrb-555-rrb-\u00a0555\u00a01234 or 2014\u00a02015\u00a02016",
    "www.foo-bar.com youtube.com/watch?v=3, 3.jpg 3.com": "www.foo-bar.com youtube.com/watch?v=3 3.jpg 3 com",
    "j'ai c'est I're Y's d'x": "j' ai c'est i 're y 's d' x",
    "...": "",
    "": "",
}


LONG = """
    adj ariz assn assoc asst atty attys bancorp bldg blvd brig bros calif capt cmdr colo comdr conn corp elec govs insp
    intl invt kans lieut mass messrs mich minn miss mlle mont msgr natl okla penn ppte ppty pres prof profs ptes ptys
    reps sens sept supt supts tenn thurs tues univ wash wisc dept approx dist prop figs vols gens hosp mount inch feet
"""

# Whether the point of "on Lane S." stays, by the text after it.
AFTER = {
    "A dog": False,
    "THERE is": False,
    "An x": False,
    "AN x": False,
    "Mr. X": False,
    "Additionally x": False,
    "The\tx": False,
    "<b> x": False,
    "It's": True,
    "There's a": True,
    "They'll": True,
    "A. B": True,
    "The, x": True,
    "Mr X": True,
    "Mrs. X": True,
    "the x": True,
    "two": True,
    "Zebras": True,
    '"The x': True,
    "<b>x": True,
}


@pytest.mark.parametrize("text", CUT)
def test_texts_are_cut_so(text: str) -> None:
    assert tokenised([text]) == [CUT[text]]


def test_the_next_text_decides_about_a_last_point() -> None:
    for after, kept in AFTER.items():
        assert tokenised(["on Lane S.", after])[0] == f"on lane s{'.' if kept else ''}", after
        assert tokenised(["on Lane S.", "", " ", after])[0] == f"on lane s{'.' if kept else ''}", after
    assert tokenised(["x Nos.", "5 dogs", "x Nos.", "dogs"])[::2] == ["x nos.", "x nos"]
    assert tokenised(["on Lane S."]) == ["on lane s."]


def test_abbreviations_keep_their_point_and_other_words_do_not() -> None:
    words = ["Prof", "ARIZ", "capt", "Messrs", "bancorp", "Az", "mfg"]
    assert tokenised([f"{word}. x" for word in words]) == [f"{word.lower()}. x" for word in words]
    words = ["vol", "approx", "az", "mass", "MFG", "Pty".upper(), "Zebr"]
    assert tokenised([f"{word}. x" for word in words]) == [f"{word.lower()} x" for word in words]


@given(st.lists(st.text(alphabet="aB.' -,\"\n1", max_size=12), max_size=4))
def test_one_line_of_lower_case_for_each(texts: list[str]) -> None:
    cut = tokenised(texts)
    assert len(cut) == len(texts)
    assert all(line == line.lower() and "\n" not in line and "  " not in line for line in cut)


@given(st.lists(st.sampled_from(["a", "two-legged", "dog", "isn't", "cannot", "x's", "(big)"]), max_size=6))
def test_space_and_case_change_nothing(words: list[str]) -> None:
    assert tokenised([" ".join(words)]) == tokenised(["  ".join(words).upper() + " "])


@pytest.mark.skipif(not CAPTIONS.is_file(), reason="COCO's captions are not at ../shared/data/coco")
@pytest.mark.skipif(shutil.which("java") is None, reason="the official tokeniser needs Java")
def test_all_captions_are_cut_as_by_the_official_program() -> None:
    program: Any = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer", reason="pycocoevalcap is not installed")
    texts = [one["caption"] for one in json.loads(CAPTIONS.read_text())["annotations"]]
    texts += [text for text in json.loads((METRICS / "gold" / "vqa_norm.json").read_text()) if text.strip()]
    cut = program.PTBTokenizer().tokenize({i: [{"caption": text}] for i, text in enumerate(texts)})
    assert tokenised(texts) == [cut[i][0] for i in range(len(texts))]


@pytest.mark.skipif(shutil.which("java") is None, reason="the official tokeniser needs Java")
def test_the_official_program_makes_the_same_of_texts_by_hand_and_of_every_short_word_with_a_point() -> None:
    program: Any = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer", reason="pycocoevalcap is not installed")
    words = [
        "".join(some) for n in (2, 3) for some in itertools.product(string.ascii_lowercase, repeat=n)
    ] + LONG.split()
    cases = [change(word) for word in words for change in (str.lower, str.capitalize, str.upper)]
    lines = [
        " ".join(f"x {word}. q" for word in some) for some in (cases[i : i + 20] for i in range(0, len(cases), 20))
    ]
    texts = [text for text in CUT if text] + [text for after in AFTER for text in ("on Lane S.", "", after)] + lines
    texts += ["x Nos.", "5 dogs", "x Nos.", "dogs"]
    cut = program.PTBTokenizer().tokenize({i: [{"caption": text}] for i, text in enumerate(texts)})
    found = dict(zip(texts, tokenised(texts), strict=True))
    assert [line[0] for line in cut.values()] == tokenised(texts)
    assert {text: found[text] for text in CUT if text} == {text: line for text, line in CUT.items() if text}
