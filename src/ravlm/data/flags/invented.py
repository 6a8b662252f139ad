"""Names of things that do not exist, spelled in English and Chinese, and the words and numbers that go with them."""

import numpy as np

_SYLLABLES = {
    "al": "阿尔", "ba": "巴", "bren": "布伦", "ca": "卡", "cor": "科尔", "da": "达", "del": "德尔", "dor": "多尔",
    "el": "埃尔", "fa": "法", "fen": "芬", "gal": "加尔", "gri": "格里", "hal": "哈尔", "ho": "霍", "is": "伊斯",
    "ka": "卡", "ken": "肯", "la": "拉", "len": "伦", "lo": "洛", "ma": "马", "mel": "梅尔", "mi": "米",
    "mor": "莫尔", "na": "纳", "nel": "内尔", "no": "诺", "or": "奥尔", "pa": "帕", "pel": "佩尔", "que": "克",
    "ra": "拉", "ren": "伦", "ri": "里", "ro": "罗", "sa": "萨", "sel": "塞尔", "so": "索", "ta": "塔",
    "tel": "特尔", "ti": "蒂", "tor": "托尔", "ul": "乌尔", "va": "瓦", "vel": "韦尔", "vo": "沃", "wen": "文",
    "ya": "亚", "zan": "赞", "zel": "泽尔", "zo": "佐",
}  # fmt: skip
_MONTHS = ("January", "March", "April", "June", "August", "October", "November")
_CONSONANTS = "BCDFGHJKLMNPQRSTVWXZ"


def invented_name(rng: np.random.Generator, syllables: int = 3) -> tuple[str, str]:
    """A made-up name in Latin and in Chinese letters."""
    keys = list(_SYLLABLES)
    chosen = [keys[int(rng.integers(len(keys)))] for _ in range(syllables)]
    return "".join(chosen).capitalize(), "".join(_SYLLABLES[key] for key in chosen)


def invented_fields(rng: np.random.Generator) -> tuple[dict[str, str], dict[str, str]]:
    """Words and numbers for the placeholders of `distractors.toml`, in English and in Chinese."""
    letters = "".join(_CONSONANTS[int(i)] for i in rng.integers(len(_CONSONANTS), size=3))
    shared = {
        "year": str(int(rng.integers(1700, 2020))),
        "km2": f"{int(rng.integers(300, 900_000)):,}",
        "people": f"{int(rng.integers(2, 90_000)) * 1000:,}",
        "metres": f"{int(rng.integers(120, 6000)):,}",
        "number": f"{int(rng.integers(100, 999))}",
        "count": f"{int(rng.integers(20, 999))}",
        "dial": str(int(rng.integers(20, 999))),
        "letters": letters,
        "low": letters[:2].lower(),
    }
    english, chinese = dict(shared), dict(shared)
    for field, length in (("place", 3), ("person", 2), ("coin", 2)):
        english[field], chinese[field] = invented_name(rng, length)
    english["coin"] = english["coin"].lower()
    english["day"] = f"{int(rng.integers(1, 29))} {_MONTHS[int(rng.integers(len(_MONTHS)))]}"
    return english, chinese
