import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import tokenizer
from ravlm.encoders.tokenizer import tokenize
from ravlm.grading import is_right
from ravlm.records import Example
from ravlm.tasks.spans import find_spans

TOKENIZER = tokenizer()


def example(**kwargs) -> Example:
    return Example(**{"id": "q", "images": ("a.jpg",), "question": "?", "kind": "answers", **kwargs})


def found(example: Example, text: str, max_span: int = 24) -> list[str]:
    offsets = tokenize(TOKENIZER, [text], 200).offsets[0].tolist()
    return [text[offsets[s][0] : offsets[s + w][1]] for s, w in find_spans(example, text, offsets, max_span)]


@pytest.mark.parametrize(
    ("asked", "text", "spans"),
    [
        ({"answers": ("Fredville",)}, "The capital is Fredville; Fredville is old.", ["Fredville", "Fredville"]),
        ({"answers": ("Fredville",)}, "Nothing of that here.", []),
        ({"answers": ("The Hague",)}, "It sits in The Hague.", ["Hague"]),
        ({"answers": ("弗雷德维尔",)}, "弗里多尼亚的首都是弗雷德维尔。", ["弗雷德维尔"]),
        ({"answers": ("+374", "374")}, "Dial +374 first.", ["+374", "374"]),
        ({"kind": "number", "value": 29743.0, "unit": "km²"}, "It has 29,743 km² of land.", ["29,743", "29,743 km²"]),
        ({"kind": "number", "value": 29743.0, "unit": ""}, "It has 129,743 of them.", []),
        ({"kind": "number", "value": 2.5, "unit": "g"}, "Fat 2.5 g, salt 25 g.", ["2.5", "2.5 g"]),
        ({"kind": "all_of", "answers": ("Iran", "Iraq")}, "It borders Iraq and Iran.", ["Iraq and Iran"]),
        ({"kind": "all_of", "answers": ("Iran", "Iraq")}, "It borders Iraq, Syria and Iran.", []),
        (
            {"kind": "all_of", "answers": ("Iran", "Iraq")},
            "Iran is big. It borders Iraq and Iran.",
            ["Iraq and Iran"],
        ),
        ({"kind": "all_of", "answers": ("Gambia", "Mali")}, "By land: Mali and the Gambia.", ["Mali and the Gambia"]),
        (
            {"answers": ("Saint Vincent and the Grenadines",)},
            "Saint Vincent and the Grenadines has isles.",
            ["Saint Vincent and the Grenadines"],
        ),
        ({"answers": ("A",)}, "It is rich in vitamin A.", ["A"]),
        ({"kind": "number", "value": -5.0, "unit": ""}, "Down to -5 or 5 at night.", ["-5"]),
        ({"kind": "number", "value": 5.0, "unit": ""}, "Down to -5 or 5 at night.", ["5"]),
    ],
)
def test_spans(asked, text, spans):
    assert sorted(found(example(**asked), text)) == sorted(spans)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["Roma", "a", "the", "x-y", "29,743", "首都", "(", ".", "é"]), min_size=1, max_size=12))
def test_every_span_found_is_right_and_short_enough(pieces):
    text = " ".join(pieces)
    for asked in (example(answers=("Roma",)), example(answers=("首都",)), example(answers=("x-y",))):
        spans = found(asked, text, max_span=4)
        assert all(is_right(asked, span) for span in spans)
        assert bool(spans) == (asked.answers[0] in pieces)
