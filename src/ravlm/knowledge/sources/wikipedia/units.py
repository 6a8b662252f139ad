"""`{{convert|12|km|mi}}` as plain text: the figure that the article gives, not the one converted from it.

After https://en.wikipedia.org/wiki/Template:Convert.
"""

import re

_BETWEEN = {
    "to": " to ", "-": "–", "–": "–", "—": "–", "and": " and ", "or": " or ", "by": " by ", "x": " × ", "×": " × ",
    "*": " × ", "to(-)": " to ", "+/-": " ± ", "±": " ± ", "&": " and ", "至": "至", "~": "–", ",": ", ",
    "and(-)": " and ", "xx": " × ",
}  # fmt: skip
_SECOND = {"in", "ft", "oz", "lb", "lbs", "yd", "chain", "chains", "cwt", "qtr", "mi", "furlong"}
_UNITS = {
    "sqmi": "sq mi", "mi2": "sq mi", "sqft": "sq ft", "ft2": "sq ft", "sqin": "sq in", "in2": "sq in",
    "sqyd": "sq yd", "km2": "km²", "sqkm": "km²", "m2": "m²", "sqm": "m²", "cm2": "cm²", "mm2": "mm²", "m3": "m³",
    "km3": "km³", "cm3": "cm³", "cuft": "cu ft", "ft3": "cu ft", "cumi": "cu mi", "cuin": "cu in", "cuyd": "cu yd",
    "C": "°C", "F": "°F", "C-change": "°C", "F-change": "°F", "acre": "acres", "kph": "km/h", "lbs": "lb",
    "foot": "ft", "feet": "ft", "mile": "mi", "miles": "mi", "PD/sqmi": "/sq mi", "/sqmi": "/sq mi",
    "/sqkm": "/km²", "/km2": "/km²", "PD/km2": "/km²", "g/cm3": "g/cm³", "kg/m3": "kg/m³", "impgal": "imp gal",
    "USgal": "US gal", "U.S.gal": "US gal", "LT": "long tons", "ST": "short tons", "MT": "t", "ton": "tons",
    "tonne": "tonnes", "kn": "knots", "hand": "hands", "nmi": "nautical miles", "Mly": "million light-years",
}  # fmt: skip
_FIGURE = re.compile(r"[-+−]?[\d.,/+\s⁄]*\d\s?(?:million|billion|thousand)?")


def convert(given: dict[str, str]) -> str:
    """The figures and the unit of a call, as `given` by number.

    >>> convert({"1": "5", "2": "to", "3": "10", "4": "km2", "5": "sqmi"})
    '5 to 10 km²'
    >>> convert({"1": "6", "2": "ft", "3": "2", "4": "in", "5": "cm"})
    '6 ft 2 in'
    """
    values = [given[str(place)] for place in range(1, 13) if str(place) in given]
    if not values:
        return ""
    text, rest = values[0], values[1:]
    while len(rest) >= 2 and rest[0].lower() in _BETWEEN and _FIGURE.fullmatch(rest[1]):
        text += _BETWEEN[rest[0].lower()] + rest[1]
        rest = rest[2:]
    if not rest:
        return text
    text += _unit(rest[0])
    while len(rest) >= 3 and rest[2] in _SECOND and _FIGURE.fullmatch(rest[1]):
        text += f" {rest[1]}{_unit(rest[2])}"
        rest = rest[2:]
    return text


def _unit(code: str) -> str:
    for power, word in (("e3", "thousand"), ("e6", "million"), ("e9", "billion")):
        if code.startswith(power):
            return f" {word}{_unit(code[2:])}"
    name = _UNITS.get(code, code)
    return name if name.startswith("/") else f" {name}"
