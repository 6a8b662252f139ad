"""The relations of WordNet: pointer symbols and LMF names become one set of names, and sentences.

Names are those of the Global WordNet Association (https://globalwordnet.github.io/schemas/), symbols those of
wninput(5WN). A relation is read from the entry to its targets: `hypernym` says that the targets are hypernyms.
"""

from collections.abc import Sequence

MOST_IN_SENTENCE = 20  # targets; the rest is counted

POINTERS = {
    "!": "antonym",
    "@": "hypernym",
    "@i": "instance_hypernym",
    "~": "hyponym",
    "~i": "instance_hyponym",
    "#m": "holo_member",
    "#s": "holo_substance",
    "#p": "holo_part",
    "%m": "mero_member",
    "%s": "mero_substance",
    "%p": "mero_part",
    "=": "attribute",
    "+": "derivation",
    ";c": "domain_topic",
    "-c": "has_domain_topic",
    ";r": "domain_region",
    "-r": "has_domain_region",
    ";u": "exemplifies",
    "-u": "is_exemplified_by",
    "*": "entails",
    ">": "causes",
    "^": "also",
    "$": "verb_group",
    "&": "similar",
    "<": "participle",
    "\\": "pertainym",
}

OLDER_NAMES = {  # of WN-LMF 1.0 and its drafts
    "cause": "causes",
    "domain_category": "domain_topic",
    "domain_member_category": "has_domain_topic",
    "domain_member_region": "has_domain_region",
    "domain_member_topic": "has_domain_topic",
    "domain_member_usage": "is_exemplified_by",
    "domain_usage": "exemplifies",
    "entail": "entails",
    "has_domain_usage": "is_exemplified_by",
    "member_holonym": "holo_member",
    "member_meronym": "mero_member",
    "part_holonym": "holo_part",
    "part_meronym": "mero_part",
    "substance_holonym": "holo_substance",
    "substance_meronym": "mero_substance",
}

# {s} is the entry's word, {S} the same with a capital, {t} the targets. A relation with "/v" or another part of
# speech is said so of that part of speech. The order here is the order in a text.
_ENGLISH = {
    "instance_hypernym": "{S} is an instance of {t}.",
    "hypernym": "{S} is a kind of {t}.",
    "hypernym/v": "To {s} is a way to {t}.",
    "antonym": "The opposite of {s} is {t}.",
    "anto_gradable": "The opposite of {s} is {t}.",
    "anto_simple": "The opposite of {s} is {t}.",
    "anto_converse": "The converse of {s} is {t}.",
    "similar": "Similar in meaning to {s}: {t}.",
    "eq_synonym": "Means the same as {s}: {t}.",
    "ir_synonym": "Means the same as {s}, in another register: {t}.",
    "verb_group": "Verbs close in meaning to {s}: {t}.",
    "pertainym": "{S} pertains to {t}.",
    "pertainym/r": "{S} is the adverb of {t}.",
    "participle": "{S} is a participle of {t}.",
    "attribute": "{S} is a value of {t}.",
    "attribute/n": "Values of {s}: {t}.",
    "entails": "To {s} entails: to {t}.",
    "is_entailed_by": "Entails to {s}: to {t}.",
    "causes": "To {s} causes: to {t}.",
    "causes/n": "{S} causes {t}.",
    "is_caused_by": "Causes of {s}: {t}.",
    "domain_topic": "{S} belongs to the topic {t}.",
    "domain_region": "{S} belongs to the region {t}.",
    "exemplifies": "{S} is an example of {t}.",
    "holo_member": "{S} is a member of {t}.",
    "holo_part": "{S} is a part of {t}.",
    "holo_portion": "{S} is a portion of {t}.",
    "holo_substance": "{S} is a substance in {t}.",
    "holonym": "{S} is a part of {t}.",
    "mero_substance": "Substances in {s}: {t}.",
    "mero_part": "Parts of {s}: {t}.",
    "mero_portion": "Portions of {s}: {t}.",
    "meronym": "Parts of {s}: {t}.",
    "mero_member": "Members of {s}: {t}.",
    "hyponym": "Kinds of {s}: {t}.",
    "hyponym/v": "Ways to {s}: to {t}.",
    "instance_hyponym": "Instances of {s}: {t}.",
    "is_exemplified_by": "Examples of {s}: {t}.",
    "has_domain_topic": "Belongs to the topic {s}: {t}.",
    "has_domain_region": "Belongs to the region {s}: {t}.",
    "derivation": "Related in form to {s}: {t}.",
    "also": "{S}: see also {t}.",
}
_CHINESE = {
    "instance_hypernym": "{s}是{t}的一个实例。",
    "hypernym": "{s}是一种{t}。",
    "hypernym/v": "“{s}”是“{t}”的一种方式。",
    "antonym": "{s}的反义词是{t}。",
    "anto_gradable": "{s}的反义词是{t}。",
    "anto_simple": "{s}的反义词是{t}。",
    "anto_converse": "与{s}相对的是{t}。",
    "similar": "与{s}意义相近的有{t}。",
    "eq_synonym": "与{s}同义的有{t}。",
    "ir_synonym": "与{s}同义而语体不同的有{t}。",
    "verb_group": "与{s}意义相近的动词有{t}。",
    "pertainym": "{s}与{t}有关。",
    "participle": "{s}是{t}的分词。",
    "attribute": "{s}是{t}的一种取值。",
    "attribute/n": "{s}的取值有{t}。",
    "entails": "{s}蕴含{t}。",
    "is_entailed_by": "蕴含{s}的有{t}。",
    "causes": "{s}导致{t}。",
    "is_caused_by": "导致{s}的有{t}。",
    "domain_topic": "{s}属于{t}领域。",
    "domain_region": "{s}属于{t}地区。",
    "exemplifies": "{s}是{t}的例子。",
    "holo_member": "{s}是{t}的成员。",
    "holo_part": "{s}是{t}的一部分。",
    "holo_portion": "{s}是{t}的一份。",
    "holo_substance": "{s}是{t}的组成物质。",
    "holonym": "{s}是{t}的一部分。",
    "mero_substance": "{s}的组成物质有{t}。",
    "mero_part": "{s}的组成部分有{t}。",
    "mero_portion": "{s}可分出{t}。",
    "meronym": "{s}的组成部分有{t}。",
    "mero_member": "{s}的成员有{t}。",
    "hyponym": "{s}的种类有{t}。",
    "hyponym/v": "“{s}”的方式有{t}。",
    "instance_hyponym": "{s}的实例有{t}。",
    "is_exemplified_by": "{s}的例子有{t}。",
    "has_domain_topic": "属于{s}领域的有{t}。",
    "has_domain_region": "属于{s}地区的有{t}。",
    "derivation": "与{s}词形相关的有{t}。",
    "also": "{s}另见{t}。",
}
_ORDER = {name: place for place, name in enumerate(_ENGLISH)}
_LAST = len(_ORDER)


def lmf_name(rel_type: str, other: str = "") -> str:
    """The name of an LMF `relType`; of `other`, what its `dc:type` says."""
    if rel_type == "other" and other:
        return other
    return OLDER_NAMES.get(rel_type, rel_type)


def is_chinese(language: str) -> bool:
    """Whether a BCP 47 tag is a Chinese one."""
    return language == "zh" or language.startswith("zh-")


def order(relation: str) -> int:
    """The place of a relation's sentence in a text; relations without a sentence of their own come last."""
    return _ORDER.get(relation, _LAST)


def sentence(relation: str, subject: str, targets: Sequence[str], pos: str, language: str) -> str:
    """What a relation says, as a sentence: in Chinese for `zh`, else in English.

    Args:
        relation: its name; one without a sentence of its own is named in brackets.
        subject: the entry's word.
        targets: the words it is related to, at least one; at most `MOST_IN_SENTENCE` are said, the rest counted.
        pos: part of speech of the subject, as in WordNet: n, v, a, s, r.
        language: BCP 47.

    >>> sentence("hypernym", "dog", ["canine", "domestic animal"], "n", "en")
    'Dog is a kind of canine and domestic animal.'
    >>> sentence("hyponym", "狗", ["小狗", "猎犬"], "n", "zh")
    '狗的种类有小狗、猎犬。'
    """
    chinese = is_chinese(language)
    templates = _CHINESE if chinese else _ENGLISH
    template = templates.get(f"{relation}/{pos}") or templates.get(relation)
    if template is None:
        named = relation.replace("_", " ").replace("{", "{{").replace("}", "}}")
        template = f"与{{s}}相关（{named}）：{{t}}。" if chinese else f"Related to {{s}} ({named}): {{t}}."
    if chinese:
        said = listed_chinese(targets)
    else:
        said = listed(targets, " or to " if (relation, pos) == ("hypernym", "v") else " and ")
    return template.format(S=subject[:1].upper() + subject[1:], s=subject, t=said)


def listed(words: Sequence[str], last: str = " and ") -> str:
    """Words as a list in a sentence: "a, b and c", or "a, b and 380 more"."""
    if len(words) > MOST_IN_SENTENCE:
        return f"{', '.join(words[:MOST_IN_SENTENCE])} and {len(words) - MOST_IN_SENTENCE} more"
    return ", ".join(words[:-1]) + last + words[-1] if len(words) > 1 else "".join(words)


def listed_chinese(words: Sequence[str]) -> str:
    """Words as a list in a Chinese sentence: "a、b、c", or "a、b等共400个"."""
    said = "、".join(words[:MOST_IN_SENTENCE])
    return f"{said}等共{len(words)}个" if len(words) > MOST_IN_SENTENCE else said
