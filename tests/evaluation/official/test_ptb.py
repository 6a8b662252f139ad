"""How captions are cut into tokens: by hand, and against the official program where it can be run."""

import json
import shutil
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
    "...": "",
    "": "",
}


@pytest.mark.parametrize("text", CUT)
def test_texts_are_cut_so(text: str) -> None:
    assert tokenised([text]) == [CUT[text]]


def test_the_next_text_decides_about_a_last_point() -> None:
    assert tokenised(["on Lane S.", "A dog", "on Lane S.", "two"]) == ["on lane s", "a dog", "on lane s.", "two"]


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
def test_the_texts_by_hand_are_what_the_official_program_makes() -> None:
    program: Any = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer", reason="pycocoevalcap is not installed")
    texts = [text for text in CUT if text]
    cut = program.PTBTokenizer().tokenize({i: [{"caption": text}] for i, text in enumerate(texts)})
    assert {text: cut[i][0] for i, text in enumerate(texts)} == {text: CUT[text] for text in texts}
