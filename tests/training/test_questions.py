import pytest
import torch

from builders import tokenizer
from ravlm.encoders.compact_language import CompactLanguageEncoder
from ravlm.tensors import TextBatch
from ravlm.training.questions import QuestionReader

ASKED = ["What says x?", "says", "What says x?", "What"]
CPU = torch.device("cpu")


class Counting(CompactLanguageEncoder):
    """Counts the texts that it reads."""

    read = 0

    def forward(self, batch: TextBatch):
        self.read += len(batch.ids)
        return super().forward(batch)


def encoder(trainable: str) -> Counting:
    torch.manual_seed(0)
    made = Counting(tokenizer=tokenizer(), width=8, layers=1, heads=2, longest=32, noise=0.0)
    made.declare_trainable(trainable)
    made.read = 0
    return made.train()


@pytest.mark.parametrize("trainable", ["none", "all"])
def test_questions_are_read_as_the_encoder_reads_them(trainable: str) -> None:
    some = encoder(trainable)
    reader = QuestionReader(some, CPU)
    for asked in (ASKED, ASKED[1:], ASKED[::-1]):
        texts, found = reader.read(asked)
        tokenized = some.tokenize(asked)
        expected = some(tokenized)
        n = texts.mask.shape[1]
        assert torch.equal(texts.mask, tokenized.mask[:, :n])
        assert torch.equal(found.mask, texts.mask)
        assert not tokenized.mask[:, n:].any()
        assert torch.equal(texts.ids[texts.mask], tokenized.ids[tokenized.mask])
        assert torch.equal(texts.offsets[texts.mask], tokenized.offsets[tokenized.mask])
        torch.testing.assert_close(found.tokens[found.mask], expected.tokens[expected.mask])
        torch.testing.assert_close(found.pooled, expected.pooled)
        assert found.pooled.requires_grad is (trainable == "all")


def test_what_stands_still_reads_a_question_once_and_what_learns_every_time() -> None:
    still, learns = encoder("none"), encoder("all")
    for some, times in ((still, 3), (learns, 8)):
        reader = QuestionReader(some, CPU)
        reader.read(ASKED)
        reader.read(ASKED)
        assert some.read == times
