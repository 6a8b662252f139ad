from ravlm.records import Example
from ravlm.tasks.vqa import answer_vocabulary


def example(**kwargs) -> Example:
    return Example(**{"id": "q", "images": ("a.jpg",), "question": "?", "kind": "answers", **kwargs})


def test_the_vocabulary_counts_normalised_answers():
    examples = [example(answers=(a,)) for a in ("Rome", "rome!", "Oslo", "Bern")]
    examples.append(example(kind="captions", question=None, answers=("a picture",)))
    assert answer_vocabulary(examples, 2) == ["Rome", "Bern"]
