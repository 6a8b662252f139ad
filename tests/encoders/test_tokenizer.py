from ravlm.encoders.tokenizer import train_tokenizer

TEXTS = [f"The thing number {n} is kept by Zo{a}{b}, 首都是{a}。" for n in range(9) for a in "abcdef" for b in "ghijk"]


def test_the_same_texts_give_the_same_tokenizer() -> None:
    first = train_tokenizer(TEXTS, 120).to_str()
    assert all(train_tokenizer(TEXTS, 120).to_str() == first for _ in range(5))


def test_letters_inside_words_are_not_looked_for_in_texts() -> None:
    trained = train_tokenizer(TEXTS, 120)
    assert trained.encode("##a").tokens == ["[UNK]", "[UNK]", "a"]
    assert trained.encode("zoag").offsets[-1][1] == 4
    assert [token.content for token in trained.get_added_tokens_decoder().values()] == ["[PAD]", "[UNK]", "[CLS]"]
