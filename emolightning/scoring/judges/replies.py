"""From the text that a language model replied to a grade, or to the reason why it is none. Nothing is clamped."""

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

LOWEST, HIGHEST = 1, 10
"""Grades that the questions ask for."""

MALFORMED, OUT_OF_RANGE, SEVERAL, EMPTY = "malformed reply", "score out of range", "several scores", "empty reply"
TOO_LONG = "reply too long"

LONGEST_WORDS = 1000  # characters; a list of emotion words is a line, more is a model that rambles


class Unusable(ValueError):
    """A reply that holds no grade; the message is the reason, in words that can be counted."""


@dataclass(frozen=True)
class Reading:
    """What a reply says."""

    value: float | None
    """The grade; None where words were asked for."""
    text: str
    """The reason that was given, or the words."""


def read_json_score(reply: str) -> Reading:
    """`{"score": 7, "reason": "..."}`: one JSON object, alone or inside one code fence.

    Raises:
        Unusable: anything else; a score that is no integer or outside of 1..10.
    """
    content = _json_object(_without_fence(reply.strip()))
    score, reason = content.get("score"), content.get("reason")
    if type(score) is not int or not isinstance(reason, str):  # a bool is an int, and means nothing here
        raise Unusable(MALFORMED)
    return Reading(_in_range(score), reason)


def _json_object(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Unusable(MALFORMED) from error
    if not isinstance(content, dict):
        raise Unusable(MALFORMED)
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON allows a key twice; of two scores neither is taken."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key twice")
    return content


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _without_fence(text: str) -> str:
    found = re.fullmatch(r"```(?:json)?\s*\n(.*?)\n?\s*```", text, re.DOTALL)
    return found[1] if found else text


def _in_range(score: float) -> float:
    if not LOWEST <= score <= HIGHEST:
        raise Unusable(OUT_OF_RANGE)
    return float(score)


_NUMBER = r"(?P<number>\d+(?:\.\d+)?)(?!\d|\.\d|\.\.)(?:\s*/\s*10(?![\d.]))?(?!\s*/\s*\d)"
_NO_RANGE = r"(?!\s*[-–—~至到]\s*\d)"
_ANCHORED = re.compile(
    r"(?:score|rating|评分|得分|分数|打分|重合度|重叠度)"
    r"(?:\(\s*1\s*[-–—~至到]\s*10\s*\))?(?:\s|[:=*\"'`]|is|of|为|是)*" + _NUMBER + _NO_RANGE,
    re.IGNORECASE,
)
_LEADING = re.compile(r"[\s*\"'`]*" + _NUMBER + r"[*\"'`]*(?=\s*(?:$|\n|分|[,:;，。；：]))")


def read_free_score(reply: str) -> Reading:
    """A grade in free text: behind a word such as `score` or `评分`, or else at the very beginning.

    `8/10` is 8. Grades may have decimals. A range (`1-10`), a numbered list, Chinese numerals and a bare number amid
    the text are no grades.

    Raises:
        Unusable: no grade, several different ones, or one outside of 1..10.
    """
    text = unicodedata.normalize("NFKC", reply).strip()
    if not text:
        raise Unusable(EMPTY)
    if text.startswith(("{", "```")):
        return read_json_score(reply)
    found = {float(match["number"]) for match in _ANCHORED.finditer(text)}
    if not found and (leading := _LEADING.match(text)):
        found = {float(leading["number"])}
    if not found:
        raise Unusable(MALFORMED)
    if len(found) > 1:
        raise Unusable(SEVERAL)
    return Reading(_in_range(found.pop()), text)


def read_words(reply: str) -> Reading:
    """Emotion words, as they are.

    Raises:
        Unusable: nothing, or far more than a list of words.
    """
    text = reply.strip()
    if not text:
        raise Unusable(EMPTY)
    if len(text) > LONGEST_WORDS:
        raise Unusable(TOO_LONG)
    return Reading(None, text)
