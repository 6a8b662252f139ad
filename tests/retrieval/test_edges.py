from hypothesis import given
from hypothesis import strategies as st

from ravlm.knowledge.passages import sentences, word_spans
from ravlm.retrieval.edges import edges


def test_a_word_in_pieces_begins_once_and_ends_once():
    text = "It has 29,743 km². 首都"
    offsets = [(0, 0), (0, 2), (3, 6), (7, 9), (9, 10), (10, 13), (14, 16), (16, 17), (17, 18), (19, 20), (20, 21)]
    assert edges(text, offsets)[3:8] == [(0, -1), (-1, -1), (-1, 0), (0, -1), (-1, 0)]
    assert edges(text, offsets)[-2:] == [(1, 1), (1, 1)]


@given(st.text(alphabet="ab 1,.-首。!\n", max_size=40))
def test_every_word_of_a_sentence_is_a_candidate_and_nothing_crosses_sentences(text):
    offsets = [(i, i + 1) for i in range(len(text))]
    found = edges(text, offsets)
    for number, (a, b) in enumerate(sentences(text)):
        for first, last in word_spans(text):
            if a <= first and last <= b:
                assert found[first][0] == found[last - 1][1] == number
    assert all(begin == -1 or any(a == i for a, _ in word_spans(text)) for i, (begin, _) in enumerate(found))
