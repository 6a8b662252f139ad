from ravlm.evaluation.results import QuestionResult
from ravlm.evaluation.trial import draw_examples
from ravlm.evaluation.trial_report import curve_rows


def result(n: int, language: str, image: str, relation: str) -> QuestionResult:
    return QuestionResult(
        id=str(n),
        question="Who?",
        image=image,
        language=language,
        groups=("unseen", f"relation:{relation}"),
        gold_answer="x",
        answer="x",
        right=n % 2 == 0,
        confidence=0.5,
        abstained=False,
        gold_entries=("e",),
        ranked=(),
        gold_rank=None,
        covered=True,
    )


RESULTS = [
    result(n, language, f"{n % 4}.jpg", relation)
    for n, (language, relation) in enumerate([(x, y) for x in ("en", "zh") for y in ("capital", "area", "tld", "name")])
]


def test_examples_differ_in_photo_and_relation() -> None:
    for seed in range(20):
        drawn = draw_examples(RESULTS, ("en", "en", "zh"), seed)
        assert [r.language for r in drawn] == ["en", "en", "zh"]
        assert len({r.image for r in drawn}) == len({r.groups for r in drawn}) == 3
    assert {r.id for seed in range(20) for r in draw_examples(RESULTS, ("en",), seed)} == {"0", "1", "2", "3"}


def test_fewer_where_nothing_fits() -> None:
    assert draw_examples(RESULTS, ("de",)) == []
    assert len(draw_examples(RESULTS[:1], ("en", "en"))) == 1


def test_each_stage_has_a_loss_of_its_own() -> None:
    curve = [{"stage": "match", "step": 10, "seconds": 1.5, "loss": 2.0}, {"stage": "read", "step": 10}]
    assert curve_rows(curve) == [{"step": 10, "seconds": 1.5, "loss, match": 2.0}]
