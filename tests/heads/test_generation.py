"""The generation layer: its contract, what it reads, its loss in closed form, its citations, and that it learns."""

import math
from collections import defaultdict
from dataclasses import astuple, replace

import pytest
import torch
from safetensors.torch import load, save
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from builders import TEXTS, knowledge, passage
from ravlm.encoders.tokenizer import tokenize, train_tokenizer
from ravlm.errors import ConfigError
from ravlm.grading import normalise
from ravlm.heads.calibration import Validated, calibrate
from ravlm.heads.generation import GenerationHead, TokenTargets
from ravlm.heads.generation_decoder import compact_decoder
from ravlm.heads.generation_text import AnswerTokenizer
from ravlm.heads.likelihood import Likelihood, likelihoods
from ravlm.model.decoders import pretrained_decoder
from ravlm.protocols import OutputLayer
from ravlm.records import Example, Support
from ravlm.tasks.generation import AnswerWriter
from ravlm.tensors import Batch, Fused, Kind

WIDTH = 12
CAPITALS = ["Fredville", "Sylva Polis", "Lutz", "Mudtown", "Krakos", "甲乙城", "丙丁镇", "子丑市", "寅卯堡", "辰巳港"]
ROWS = [
    passage(
        f"The seat of land {i} is {c}, of {29_743 + 1711 * i:,} people."
        if i < 5
        else f"{i}国的首都是{c}，人口{4321 + i}。",
        entry_id=f"e{i}",
    )
    for i, c in enumerate(CAPITALS)
]
QUESTIONS = ["Which seat?", "How many people?"]
TOKENIZER = train_tokenizer([*TEXTS, *QUESTIONS, *[p.text for p in ROWS]], 400)
TOKENS = AnswerTokenizer(TOKENIZER)


def made(seed=0, beams=3, longest=8, decoder_width=16):
    torch.manual_seed(seed)
    decoder = compact_decoder(TOKENS, width=decoder_width, layers=1, heads=2, longest=longest)
    return GenerationHead(width=WIDTH, decoder=decoder, tokens=TOKENS, longest=longest, beams=beams).eval()


def setting(rows=None, f=4, seed=0):
    rows = rows or [[ROWS[0], ROWS[5]], [ROWS[6], ROWS[1]]]
    texts = tokenize(TOKENIZER, [p.text for row in rows for p in row], 48)
    found = knowledge(rows, texts, width=8)
    b, k, p = found.mask.shape
    torch.manual_seed(seed)
    fused = Fused(
        pooled=torch.randn(b, WIDTH),
        tokens=torch.randn(b, f, WIDTH),
        mask=torch.ones(b, f, dtype=torch.bool),
        evidence=torch.randn(b, k, p, WIDTH),
        scores=10 * torch.randn(b, k),
    )
    batch = Batch(torch.zeros(b, 3, 4, 4), tokenize(TOKENIZER, ["?"] * b, 16), ["?"] * b, ["en"] * b)
    return fused, found, batch


def targets(*texts):
    rows = [[*TOKENS.encode(text), TOKENS.end] for text in texts]
    width = max(map(len, rows))
    ids = torch.tensor([row + [TOKENS.pad] * (width - len(row)) for row in rows])
    return TokenTargets(ids, torch.tensor([[i < len(row) for i in range(width)] for row in rows]))


def test_contract():
    head, (fused, found, batch) = made(), setting()
    assert isinstance(head, OutputLayer)
    fused.scores.requires_grad_()
    prediction = head(fused, found, batch)
    loss = head.loss(prediction, targets("Lutz", "丙丁镇"))
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters())
    assert (head.kind.grad.abs().sum(1) > 0).all()
    assert fused.scores.grad is not None
    assert (fused.scores.grad.abs() > 0).all()  # the way to the query encoder
    for decoded in head.decode(prediction, found):
        assert 0.0 <= decoded.confidence <= 1.0
        assert decoded.alternatives[0] == (decoded.text, pytest.approx(decoded.confidence))
        assert sum(p for _, p in decoded.alternatives) <= 1.0 + 1e-6


def test_a_head_that_knows_nothing_costs_log_v():
    head, (fused, found, batch) = made(), setting()
    nn.init.zeros_(head.decoder.transformer.wte.weight)
    nn.init.zeros_(head.decoder.copying.gate.weight)
    nn.init.constant_(head.decoder.copying.gate.bias, 60.0)
    loss = head.loss(head(fused, found, batch), targets("Lutz", "丙丁镇 a"))
    assert float(loss.detach()) == pytest.approx(math.log(TOKENS.size), abs=1e-5)


def test_the_loss_is_the_mean_over_tokens_and_padding_costs_nothing():
    head, (fused, found, batch) = made(), setting()
    prediction = head(fused, found, batch)
    wanted = targets("Lutz", "29,743 people")
    total, count = 0.0, 0
    for b in range(2):
        ids, n = wanted.ids[b].tolist(), int(wanted.mask[b].sum())
        for t in range(n):
            before = torch.tensor([[TOKENS.start, *ids[:t]]]).expand(2, -1)
            log_p, _ = head.decoder.read(before, torch.ones_like(before, dtype=torch.bool), prediction.memory)
            total, count = total - float(log_p[b, -1, ids[t]].detach()), count + 1
    assert float(head.loss(prediction, wanted).detach()) == pytest.approx(total / count, abs=1e-5)
    other = TokenTargets(wanted.ids.masked_fill(~wanted.mask, -100), wanted.mask)
    assert float(head.loss(prediction, other).detach()) == pytest.approx(total / count, abs=1e-5)


def test_no_target_at_all_costs_nothing():
    head, (fused, found, batch) = made(), setting()
    nothing = targets("Lutz", "Lutz")
    loss = head.loss(head(fused, found, batch), TokenTargets(nothing.ids, torch.zeros_like(nothing.mask)))
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert all(p.grad is None or p.grad.isfinite().all() for p in head.parameters())


def padded(fused, found, hits=2, tokens=3):
    """The same with more filling: hits that are none, tokens that are not there."""
    pad = nn.functional.pad
    fused = replace(
        fused,
        tokens=pad(fused.tokens, (0, 0, 0, 2), value=5.0),
        mask=pad(fused.mask, (0, 2)),
        evidence=pad(fused.evidence, (0, 0, 0, tokens, 0, hits), value=5.0),
        scores=pad(fused.scores, (0, hits), value=-1e4),
    )
    found = replace(
        found,
        tokens=pad(found.tokens, (0, 0, 0, tokens, 0, hits)),
        mask=pad(found.mask, (0, tokens, 0, hits)),
        kind=pad(found.kind, (0, hits), value=int(Kind.NOTHING)),
        entry=pad(found.entry, (0, hits), value=-1),
        keys=pad(found.keys, (0, 0, 0, hits)),
        offsets=pad(found.offsets, (0, 0, 0, tokens, 0, hits)),
        edges=pad(found.edges, (0, 0, 0, tokens, 0, hits), value=-1),
        passages=[[*row, *[None] * hits] for row in found.passages],
    )
    return fused, found


@torch.no_grad()
def test_padding_changes_nothing():
    head, (fused, found, batch) = made(), setting()
    wanted = targets("Lutz", "丙丁镇")
    one = head(fused, found, batch)
    more_fused, more_found = padded(fused, found)
    two = head(more_fused, more_found, batch)
    assert float(head.loss(one, wanted)) == pytest.approx(float(head.loss(two, wanted)), abs=1e-5)
    for a, b in zip(head.decode(one, found), head.decode(two, more_found), strict=True):
        assert (a.text, [s.hit for s in a.support]) == (b.text, [s.hit for s in b.support])
        assert a.confidence == pytest.approx(b.confidence, abs=1e-5)


@torch.no_grad()
def test_the_order_of_passages_changes_nothing_but_the_places_of_support():
    head, (fused, found, batch) = made(), setting()
    nn.init.constant_(head.decoder.copying.gate.bias, -9.0)
    turned = replace(
        found,
        **{n: getattr(found, n).flip(1) for n in ("tokens", "mask", "kind", "entry", "keys", "offsets", "edges")},
        passages=[row[::-1] for row in found.passages],
    )
    fused_turned = replace(fused, evidence=fused.evidence.flip(1), scores=fused.scores.flip(1))
    before = head.decode(head(fused, found, batch), found)
    after = head.decode(head(fused_turned, turned, batch), turned)
    for a, b in zip(before, after, strict=True):
        assert a.text == b.text
        assert a.confidence == pytest.approx(b.confidence, abs=1e-5)
        assert sorted((s.hit, s.span) for s in a.support) == sorted((1 - s.hit, s.span) for s in b.support)


@torch.no_grad()
def test_a_passage_that_retrieval_rules_out_is_not_read():
    head, (fused, found, batch) = made(), setting()
    fused = replace(fused, scores=torch.tensor([[0.0, -1e5]] * 2))
    other = fused.evidence.clone()
    other[:, 1] = torch.randn_like(other[:, 1])
    one, two = (head.loss(head(f, found, batch), targets("a", "a")) for f in (fused, replace(fused, evidence=other)))
    assert float(one) == pytest.approx(float(two), abs=1e-5)
    near = replace(fused, scores=torch.zeros(2, 2))
    a, b = (head.loss(head(f, found, batch), targets("a", "a")) for f in (near, replace(near, evidence=other)))
    assert abs(float(a) - float(b)) > 1e-4


@pytest.mark.parametrize("what", ["nothing found", "no question", "pictures alone", "one of each", "no tokens of text"])
def test_degenerate_inputs_have_an_answer_and_gradients_that_are_numbers(what):
    head, (fused, found, batch) = made(), setting()
    if what == "nothing found":
        found.kind.fill_(int(Kind.NOTHING))
        found.mask.fill_(False)
        fused = replace(fused, scores=torch.full_like(fused.scores, -1e4))
    elif what == "pictures alone":
        found.kind.fill_(int(Kind.PICTURE))
        found.mask[..., 1:] = False
        found = replace(found, passages=[[None, None]] * 2)
    elif what == "no question":
        fused.mask.fill_(False)
    elif what == "one of each":
        fused, found, batch = setting([[passage("a")]], f=1)
    else:
        fused, found, batch = setting(f=0)
    prediction = head(fused, found, batch)
    b = len(fused.pooled)
    loss = head.loss(prediction, targets(*["Lutz"] * b))
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in head.parameters())
    for decoded in head.decode(prediction, found):
        assert 0.0 <= decoded.confidence <= 1.0
        if what in ("nothing found", "pictures alone"):
            assert decoded.support == ()


def test_under_autocast_it_is_nearly_the_same():
    head, (fused, found, batch) = made(), setting()
    exact = head.loss(head(fused, found, batch), targets("Lutz", "丙丁镇"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        prediction = head(fused, found, batch)
        loss = head.loss(prediction, targets("Lutz", "丙丁镇"))
        head.decode(prediction, found)
    assert loss.dtype == torch.float32
    assert float(loss.detach()) == pytest.approx(float(exact.detach()), rel=0.03)


@torch.no_grad()
@pytest.mark.parametrize("beams", [1, 5])
def test_probabilities_are_those_of_whole_texts_their_end_marks_too(beams):
    head, (fused, found, batch) = made(beams=beams), setting()
    head.decoder.transformer.ln_f.bias.copy_(4 * head.decoder.transformer.wte.weight[TOKENS.end])
    prediction = head(fused, found, batch)
    texts = head.decoder.write(prediction.memory, TOKENS, beams=beams, longest=8)
    ended = 0
    for b, decoded in enumerate(head.decode(prediction, found)):
        total = defaultdict(float)
        for ids in texts[b].tolist():
            ids = ids[: ids.index(TOKENS.end) + 1] if TOKENS.end in ids else ids
            before = torch.tensor([[TOKENS.start, *ids[:-1]]]).expand(2, -1)
            log_p, _ = head.decoder.read(before, torch.ones_like(before, dtype=torch.bool), prediction.memory)
            spoken = [i for i in ids if i != TOKENS.end]
            key = normalise(TOKENS.text(spoken, [None] * len(spoken)))
            total[key] += math.exp(sum(float(log_p[b, i, token]) for i, token in enumerate(ids)))
            ended += len(spoken) < len(ids) and bool(key)
        told = {normalise(text): p for text, p in decoded.alternatives if text}
        assert told == {key: pytest.approx(p, rel=1e-4) for key, p in total.items() if key}
        assert decoded.confidence == max(told.values(), default=0.0)
        assert decoded.abstained == (total[""] > decoded.confidence)
    assert ended or beams == 1


def test_calibration_sees_the_texts_found_and_all_others():
    head, (fused, found, batch) = made(), setting()
    prediction = head(fused, found, batch)
    best = head.decode(prediction, found)
    known = head.observed(prediction, targets(best[0].text, "nobody wrote this"), found)
    assert known.right.sum(1).tolist() == [1, 1]
    assert known.logits.exp().sum(1).tolist() == pytest.approx([1.0, 1.0], abs=1e-5)
    assert float(known.logits[0][known.right[0]].exp()) == pytest.approx(best[0].confidence, abs=1e-5)
    examples = [Example(str(i), (), "?", "answers", answers=("a",)) for i in range(2)]
    fitted = calibrate(head, lambda: [Validated(prediction, targets("a", "a"), found, examples)], risk=0.5)
    assert fitted.questions == 2
    assert fitted.nll[1] <= fitted.nll[0]
    assert [d.text for d in head.decode(prediction, found)] == [d.text for d in best]


@pytest.mark.parametrize("temperature", [1.0, 2.5, 0.4])
def test_a_given_answer_is_as_likely_as_it_was_decoded(temperature):
    head, (fused, found, batch) = made(), setting()
    head.set_calibration(temperature=temperature)
    prediction = head(fused, found, batch)
    for b, decoded in enumerate(head.decode(prediction, found)):
        assert decoded.text
        for text, probability in decoded.alternatives:
            (likely, exact) = astuple(likelihoods(head, prediction, found, f" {text}. ")[b])
            assert (likely, exact) == (pytest.approx(probability, rel=1e-4, abs=0), True)


@torch.no_grad()
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_an_answer_that_no_beam_finds_is_read_by_the_decoder(temperature):
    """The same number as one beam more would give it: its tokens' product, among the texts found and the rest."""
    head, (fused, found, batch) = made(), setting()
    head.set_calibration(temperature=temperature)
    prediction = head(fused, found, batch)
    outcomes = [row.outcomes(1.0) for row in head._written(prediction, found)]
    spelled = head.log_likelihood(prediction, targets("Lutz", "Lutz")).double().exp()
    for b, likely in enumerate(head.likelihoods(prediction, found, "LUTZ")):
        assert normalise("Lutz") not in outcomes[b]
        p = float(spelled[b])
        others = [q for key, q in outcomes[b].items() if key is not None]
        whole = sum(q ** (1 / temperature) for q in [*others, p, 1 - sum(others) - p])
        expected = pytest.approx(p ** (1 / temperature) / whole, rel=1e-4, abs=0)
        assert (likely.probability, likely.exact) == (expected, True)


def test_what_can_not_be_written_is_not_likely_and_what_can_be_copied_alone_is_bounded():
    head, (fused, found, batch) = made(), setting()
    prediction = head(fused, found, batch)
    rest = [row.outcomes(1.0)[None] for row in head._written(prediction, found)]
    assert head.likelihoods(prediction, found, "Mudtown " * 9) == [Likelihood(0.0)] * 2
    assert head.likelihoods(prediction, found, "") == head.likelihoods(prediction, found, "?!") == [Likelihood(0.0)] * 2
    unknown = "Ωмега"
    assert TOKENS.encode(unknown) == []
    left = [astuple(one) for one in head.likelihoods(prediction, found, unknown)]
    assert left == [(pytest.approx(p), False) for p in rest]


def learn(head, evidence, rows, examples, steps=60):
    """Train a head alone over random vectors of questions and tokens that know their neighbours."""
    finder = AnswerWriter(head)
    optimizer = torch.optim.AdamW([*head.parameters(), *evidence.parameters()], lr=5e-3)
    asked = torch.randn(2, 1, WIDTH, generator=torch.Generator().manual_seed(1))

    def run(some, questions):
        fused, found, batch = setting([[p] for p in some])
        ids = head.passage_ids(found)
        words = evidence(ids.clamp(min=0)).flatten(0, 1).transpose(1, 2)  # [b k, d, p]
        kernel = torch.eye(WIDTH)[:, :, None].expand(-1, -1, 7) / 2
        near = nn.functional.conv1d(words, kernel, padding=3).transpose(1, 2).view(*ids.shape, WIDTH)
        tokens = torch.stack([asked[q] for q in questions])
        mask = torch.ones(len(some), 1, dtype=torch.bool)
        fused = replace(fused, pooled=tokens[:, 0], tokens=tokens, mask=mask, evidence=near, scores=fused.scores * 0)
        return head(fused, found, batch), found

    head.train()
    for _ in range(steps):
        prediction, found = run(rows, [i % 2 for i in range(len(rows))])
        loss = head.loss(prediction, finder.targets(examples, found))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    head.eval()
    return run, float(loss.detach())


def test_it_learns_to_copy_names_and_numbers_in_two_languages_as_they_stand():
    head = made(longest=10, beams=2, decoder_width=32)
    evidence = nn.Embedding(TOKENS.size, WIDTH)
    rows = [p for p in ROWS for _ in range(2)]
    examples = []
    for i, capital in enumerate(CAPITALS):
        number = 29_743 + 1711 * i if i < 5 else 4321 + i
        examples.append(Example(f"c{i}", (), QUESTIONS[0], "answers", answers=(capital,), entries=(f"e{i}",)))
        examples.append(Example(f"n{i}", (), QUESTIONS[1], "number", value=float(number), entries=(f"e{i}",)))
    run, loss = learn(head, evidence, rows, examples)
    assert loss < 0.1
    prediction, found = run(rows, [i % 2 for i in range(len(rows))])
    for i, decoded in enumerate(head.decode(prediction, found)):
        number = f"{29_743 + 1711 * (i // 2):,}" if i < 10 else str(4321 + i // 2)
        assert decoded.text == (number if i % 2 else CAPITALS[i // 2])
        (cited,) = decoded.support
        assert isinstance(cited, Support)
        assert rows[i].text[slice(*cited.span)] == decoded.text
        assert cited.probability == pytest.approx(decoded.confidence, rel=1e-3)


def byte_level_gpt2(folder):
    """A small GPT-2 with a vocabulary of bytes and one mark, as save_pretrained writes it."""
    alphabet = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "<|endoftext|>"]
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    config = GPT2Config(
        vocab_size=257, n_positions=40, n_embd=16, n_layer=1, n_head=2, bos_token_id=256, eos_token_id=256
    )
    torch.manual_seed(0)
    GPT2LMHeadModel(config).save_pretrained(folder)
    return AnswerTokenizer(tokenizer, mark=256)


def test_a_pretrained_gpt2_learns_to_say_names_in_two_languages_and_cites_nothing(tmp_path):
    tokens = byte_level_gpt2(tmp_path)
    decoder = pretrained_decoder(tmp_path)
    head = GenerationHead(width=WIDTH, decoder=decoder, tokens=tokens, longest=32, beams=2).eval()
    fused, found, batch = setting()
    wanted = AnswerWriter(head).targets(
        [Example(str(i), (), "?", "answers", answers=(a,)) for i, a in enumerate(["Sylva Polis", "鑫城。"])], found
    )
    prediction = head(fused, found, batch)
    ids = torch.cat([torch.full((2, 1), 256), wanted.ids[:, :-1]], 1)
    logits = decoder(ids, prediction.memory.tokens, prediction.memory.bias[:, None, None], prediction.memory.ids).logits
    expected = nn.functional.cross_entropy(logits[wanted.mask], wanted.ids[wanted.mask])
    assert float(head.loss(prediction, wanted).detach()) == pytest.approx(float(expected.detach()), abs=1e-5)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-2)
    for _ in range(60):
        loss = head.loss(head(fused, found, batch), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    decoded = head.decode(head(fused, found, batch), found)
    assert [d.text for d in decoded] == ["Sylva Polis", "鑫城。"]
    assert all(d.support == () and d.confidence > 0.5 for d in decoded)


def test_weights_and_temperature_are_saved_and_loaded():
    head, (fused, found, batch) = made(), setting()
    head.set_calibration(temperature=2.0, threshold=0.1)
    again = made(seed=1)
    again.load_state_dict(load(save(head.state_dict())))
    assert again.decode(again(fused, found, batch), found) == head.decode(head(fused, found, batch), found)


def test_answers_longer_than_the_decoder_and_words_beyond_its_vocabulary_are_refused():
    decoder = compact_decoder(TOKENS, width=16, heads=2, longest=8)
    with pytest.raises(ConfigError, match="the decoder has 8 places"):
        GenerationHead(width=WIDTH, decoder=decoder, tokens=TOKENS, longest=9)
    more = AnswerTokenizer(train_tokenizer(TEXTS, 100))
    small = compact_decoder(more, width=16, heads=2)
    with pytest.raises(ConfigError, match=f"of {TOKENS.size} tokens"):
        GenerationHead(width=WIDTH, decoder=small, tokens=TOKENS)


def test_the_likelihood_of_a_row_is_the_product_over_its_tokens_and_an_empty_answer_has_none():
    fused, found, batch = setting()
    head = made()
    prediction = head(fused, found, batch)
    both = targets("Fredville", "")
    first = TokenTargets(both.ids, both.mask & torch.tensor([[True], [False]]))
    likelihood = head.log_likelihood(prediction, both)
    assert float(likelihood[1]) == torch.finfo(torch.float32).min
    tokens = int(first.mask.sum())
    assert float(-likelihood[0]) == pytest.approx(float(head.loss(prediction, first)) * tokens, rel=1e-5)
