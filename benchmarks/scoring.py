"""The official scores: how many cases are equal, how fast they are beside the official Python, and OK-VQA's baselines.

    OMP_NUM_THREADS=1 python benchmarks/scoring.py [--data DIR]

Both are timed in one run, on the same texts: VQA accuracy on 200,000 predictions beside a plain transcription of the
official rule, captions on COCO's 25,014, each against the others of its picture, beside pycocoevalcap with its
tokeniser in Java. Where files are absent nothing is written. Writes benchmarks/results/scoring.json and the table of
the document. About 8 minutes.
"""

import argparse
import json
import random
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ravlm.evaluation.official.caption import caption_scores
from ravlm.evaluation.official.ptb import tokenised
from ravlm.evaluation.official.vqa import VqaQuestion, score_vqa
from ravlm.evaluation.official.vqa_normalising import CONTRACTIONS, NUMBERS, PUNCTUATION, normalised
from results_file import measured_with, write
from tables import rewrite_documents

DATA = Path(__file__).parents[1].parent / "shared" / "data"
_PREDICTIONS = 200_000
_PEOPLE = 10
_SPLITS = {
    "train": ("OpenEnded_mscoco_train2014_questions.json", 9009),
    "testdev": ("OpenEnded_mscoco_val2014_questions.json", 5046),
}


def plain_accuracy(prediction: str, people: Sequence[Mapping[str, Any]]) -> float:
    """The official rule as its code reads, without anything remembered: the yardstick of speed."""
    said = prediction.replace("\n", " ").replace("\t", " ").strip()
    told = [{**one, "answer": one["answer"].replace("\n", " ").replace("\t", " ").strip()} for one in people]
    if len({one["answer"] for one in told}) > 1:
        for one in told:
            one["answer"] = _plain_words(_plain_punctuation(one["answer"]))
        said = _plain_words(_plain_punctuation(said))
    scores = []
    for one in told:
        others = [other for other in told if other != one]
        scores.append(min(1, float(len([other for other in others if other["answer"] == said])) / 3))
    return sum(scores) / len(scores)


_PERIOD, _COMMA = re.compile(r"(?!<=\d)(\.)(?!\d)"), re.compile(r"(\d)(\,)(\d)")


def _plain_punctuation(text: str) -> str:
    out = text
    for mark in PUNCTUATION:
        beside = mark + " " in text or " " + mark in text
        out = out.replace(mark, "" if beside or re.search(_COMMA, text) is not None else " ")
    return _PERIOD.sub("", out, 32)


def _plain_words(text: str) -> str:
    kept = []
    for word in text.lower().split():
        number = NUMBERS.get(word, word)
        if number not in ("a", "an", "the"):
            kept.append(CONTRACTIONS.get(number, number))
    return " ".join(kept)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def vqa_speed(texts: Sequence[str]) -> dict[str, Any]:
    """VQA accuracy on drawn predictions and answers: ours, the plain rule, and how far they differ at most."""
    draw = random.Random(0)
    asked: dict[str, VqaQuestion] = {}
    people: list[list[dict[str, Any]]] = []
    for i in range(_PREDICTIONS):
        few = draw.choices(texts, k=3)
        answers = [draw.choice(few) for _ in range(_PEOPLE)]
        asked[str(i)] = VqaQuestion(tuple(answers))
        people.append([{"answer": a, "answer_confidence": "yes", "answer_id": n} for n, a in enumerate(answers, 1)])
    said = {name: draw.choice(question.answers) for name, question in asked.items()}
    theirs, plain = timed(lambda: [plain_accuracy(said[str(i)], one) for i, one in enumerate(people)])
    ours, found = timed(lambda: score_vqa(asked, said))
    apart = max(abs(a - b) for a, b in zip(plain, found.per_question.values(), strict=True))
    return {"n": _PREDICTIONS, "ours": ours, "official": theirs, "times as fast": theirs / ours, "apart": apart}


def caption_speed(captions: Mapping[int, Sequence[str]]) -> dict[str, Any]:
    """Tokens and scores of each caption against the others of its picture: ours, and the official code's."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    said = [caption for some in captions.values() for caption in some]
    right = [[*some[:i], *some[i + 1 :]] for some in captions.values() for i in range(len(some))]

    def official_tokens() -> tuple[Any, Any]:
        cut = PTBTokenizer()
        hyps = cut.tokenize({i: [{"caption": text}] for i, text in enumerate(said)})
        return hyps, cut.tokenize({i: [{"caption": text} for text in some] for i, some in enumerate(right)})

    def our_tokens() -> tuple[list[str], list[list[str]]]:
        together = iter(tokenised([text for some in right for text in some]))
        return tokenised(said), [[next(together) for _ in some] for some in right]

    def official_scores() -> dict[str, float]:
        bleu, _ = Bleu(4).compute_score(refs, hyps, verbose=0)
        rouge, _ = Rouge().compute_score(refs, hyps)
        cider, _ = Cider().compute_score(refs, hyps)
        return {f"Bleu_{n}": b for n, b in enumerate(bleu, 1)} | {"ROUGE_L": float(rouge), "CIDEr": float(cider)}

    our_cutting, (cut, references) = timed(our_tokens)
    our_scoring, (found, _) = timed(lambda: caption_scores(cut, references))
    their_cutting, (hyps, refs) = timed(official_tokens)
    their_scoring, official = timed(official_scores)
    return {
        "n": len(said),
        "references": sum(map(len, right)),
        "ours": {"tokens": our_cutting, "scores": our_scoring},
        "official": {"tokens": their_cutting, "scores": their_scoring},
        "times as fast": (their_cutting + their_scoring) / (our_cutting + our_scoring),
        "tokens apart": sum(a != hyps[i][0] for i, a in enumerate(cut))
        + sum(a != refs[i] for i, a in enumerate(references)),
        "apart": max(abs(found[name] - official[name]) for name in official),
        "scores": found,
    }


def okvqa(folder: Path) -> dict[str, Any]:
    """OK-VQA's questions, checked, and what the commonest answers of training score on its test questions."""
    questions, labels = {}, {}
    for split, (name, expected) in _SPLITS.items():
        rows = json.loads((folder / name).read_text(encoding="utf-8"))["questions"]
        questions[split] = {row["question_id"]: row["question"] for row in rows}
        labels[split] = {
            row["question_id"]: row["label"]
            for row in json.loads((folder / f"{split}.json").read_text(encoding="utf-8"))
        }
        if len(questions[split]) != expected or questions[split].keys() != labels[split].keys():
            raise SystemExit(f"{name}: {len(questions[split])} questions, {expected} expected, each with its answers")
    commonest: Counter[str] = Counter()
    by_words: dict[str, Counter[str]] = {}
    for name, soft in labels["train"].items():
        start = " ".join(questions["train"][name].lower().split()[:2])
        for answer, score in soft.items():
            commonest[answer] += score
            by_words.setdefault(start, Counter())[answer] += score
    [(answer, _)] = commonest.most_common(1)
    asked = {str(name): VqaQuestion((), soft=soft) for name, soft in labels["testdev"].items()}
    starts = {str(name): " ".join(text.lower().split()[:2]) for name, text in questions["testdev"].items()}
    said = {name: by_words.get(starts[name], commonest).most_common(1)[0][0] for name in asked}
    return {
        "questions": {split: len(some) for split, some in questions.items()},
        "answer": answer,
        "the commonest answer": score_vqa(asked, dict.fromkeys(asked, answer)).overall["overall"] / 100,
        "the commonest answer by the first two words": score_vqa(asked, said).overall["overall"] / 100,
        "answers that normalising changes": sum(
            normalised(a) != a for soft in labels["testdev"].values() for a in soft
        ),
    }


def main() -> None:
    """Measure what the files at hand allow, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    data = parser.parse_args().data
    results: dict[str, Any] = {"measured_with": measured_with()}
    if (data / "okvqa").is_dir():
        results["okvqa"] = okvqa(data / "okvqa")
    if (strings := data / "metrics" / "gold" / "vqa_norm.json").is_file():
        results["vqa"] = vqa_speed([text for text in json.loads(strings.read_text(encoding="utf-8")) if text])
    captions = data / "coco" / "captions_val2017.json"
    if captions.is_file() and shutil.which("java"):
        by_picture: dict[int, list[str]] = {}
        for one in json.loads(captions.read_text(encoding="utf-8"))["annotations"]:
            by_picture.setdefault(one["image_id"], []).append(one["caption"])
        results["captions"] = caption_speed(by_picture)
    if len(results) < 4:
        print(f"Skipped: not all files are in {data}, or there is no Java. What there is: {results}")
        return
    path = write("scoring.json", results)
    rewrite_documents()
    print(f"{json.dumps(results, indent=1)}\nWrote {path}.")


if __name__ == "__main__":
    main()
