"""Where an answer says what it ends in: thoughts are cut off, then come tags, boxes, JSON and ranked lists."""

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emolightning.scoring.words.marks import unmarked

THOUGHTS = r"think|thinking|thought|thoughts|reasoning|analysis|reflection|scratchpad"
ANSWERS = r"answer|final_answer|final|label|emotion|prediction|output|result|response"

CLOSED_THOUGHT = re.compile(rf"<(?P<tag>{THOUGHTS})\b[^<>]*>.*?</(?P=tag)\s*>", re.IGNORECASE | re.DOTALL)
END_OF_THOUGHT = re.compile(
    rf"^.*</(?:{THOUGHTS})\s*>|^.*(?:\u25c1/think\u25b7|<\|channel\|>final<\|message\|>)", re.IGNORECASE | re.DOTALL
)
OPEN_THOUGHT = re.compile(
    rf"(?:<(?:{THOUGHTS})\b[^<>]*>|\u25c1think\u25b7|<\|channel\|>analysis).*$", re.IGNORECASE | re.DOTALL
)
ANSWER = re.compile(
    rf"<(?P<tag>{ANSWERS})\b[^<>/]*>(?P<said>(?:(?!<(?P=tag)\b).)*?)(?:</(?P=tag)\s*>|$)", re.IGNORECASE | re.DOTALL
)
BOX = re.compile(r"\\boxed\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
TEX = re.compile(r"\\[a-zA-Z]+\s*|[${}]")
ANY_TAG = re.compile(r"</?[a-zA-Z_][\w-]*\s*/?>|<\|[^<>|]*\|>")
FENCE = re.compile(r"```[a-zA-Z]*")
SPELT = re.compile(r"\W*[a-zA-Z](?:[ .*_-]{1,3}[a-zA-Z]){2,15}\W*")
"""A word whose letters are apart."""

ESCAPES = re.compile(r"\\[nrt]")

KEYS = (
    *("final_answer", "answer", "final_label", "final_emotion", "emotion", "label", "prediction", "predicted_emotion"),
    *(
        "predicted_label",
        "emotion_label",
        "dominant_emotion",
        "primary_emotion",
        "main_emotion",
        "top_emotion",
        "result",
    ),
    *("class", "category", "output", "response", "classification", "name", "emotions", "labels", "predictions"),
    *("sentiment", "mood", "feeling", "scores", "probabilities", "text", "value", "情绪", "情感", "答案"),
)
"""Where JSON says its answer, the most telling first."""

SCORES = ("score", "probability", "confidence", "conf", "prob", "p", "value", "weight", "likelihood", "percentage")
OPENED = re.compile(r'["\'](?:{})["\']\s*:\s*["\']([^"\'{{}}\[\]]+)'.format("|".join(KEYS)), re.IGNORECASE)
"""A key of JSON that was cut off, with its text."""

ENTRY = re.compile(
    r"(?:^|(?<=\s))(?:\*\*)?\d{1,2}[.)](?:\*\*)?\s+(?P<said>.+?)(?=\s+(?:\*\*)?\d{1,2}[.)](?:\*\*)?\s|\s*$)", re.DOTALL
)
HEAD = re.compile(r"[\s\-\u2013\u2014:(,;]*(?:\*\*)?([^\s:(,;*\u2013\u2014]+(?: [^\s:(,;*\u2013\u2014-]+){0,2})")

CHOICES = "choice|guess|pick|candidate|prediction"
NAMED = f"{CHOICES}|answer|label|emotion|match|fit"
ORDER = (
    rf"(?P<best>(?:1st|first)[ -](?:{CHOICES})|(?:top|best)(?:[ -](?:{NAMED}))?|(?:rank|top|{CHOICES})[ #-]{{0,2}}1|#1)"
    rf"|(?:(?:2nd|second|3rd|third|backup)[ -](?:{CHOICES})|next(?:[ -](?:{CHOICES}))?|runner[ -]up"
    rf"|(?:2nd|second|next)[ -]best(?:[ -](?:{NAMED}))?|(?:rank|top|{CHOICES})[ #-]{{0,2}}[2-9]|#[2-9])"
    r"|(?P<equal>(?:option|answer|label|emotion)[ #-]{0,2}[1-9])"
)
CHOICE = re.compile(
    rf"(?:^|(?<=[\n.;,|(]))[\s*-]*(?:{ORDER})(?:\**\s?[:=]|\s[\u2013\u2014-])[\s*]*(?P<said>[^\n.;,|(]+)", re.IGNORECASE
)
"""`Top choice: sad` and `Second choice: angry`; what is merely counted, as in `Option 1: sad`, is of equal standing."""

A_TIE = re.compile(
    r"(?:^|[\n.;,(]|\b(?:is|are|it|both)|['’](?:s|re))\s*(?:an? )?tied?\b(?! (?:up|to|back)\b)", re.IGNORECASE
)
"""Says, beside choices, that none of them is first: `(tie)`, `they are tied`, but not `his tie`."""

AFTER_A_CHOICE = (":", "=", " -", " \u2013", " \u2014")
"""One of them is in each: most answers need not be searched."""

FLAGS = {"true": True, "yes": True, "false": False, "no": False}

RANKED = "a ranked list"

LARGEST_JSON = 100_000


@dataclass(frozen=True, slots=True)
class Statement:
    """The part of an answer that says its label."""

    text: str
    place: str = ""
    """What kind of part it is; empty for the whole text."""
    second: str = ""
    """The second entry of a ranked list."""
    is_cut_off: bool = False
    """Thoughts without an end, and nothing else."""


def final_statement(text: str) -> Statement:
    r"""The part that counts.

    >>> final_statement("<think>happy?</think> So: \\boxed{sad}")
    Statement(text='sad', place='a box', second='', is_cut_off=False)
    """
    place = ""
    if SPELT.fullmatch(text):
        text = re.sub(r"[\W_]", "", text)
    if "<" in text or "\u25c1" in text:
        shown = without_thoughts(text)
        if not shown.strip():
            return Statement("", "thoughts", is_cut_off=True)
        if tags := list(ANSWER.finditer(shown)):
            text, place = tags[-1]["said"], "an answer tag"
        else:
            text, place = shown, "what follows the thoughts" if shown != text else ""
        text = ANY_TAG.sub(" ", text)
    if "\\" in text:
        if boxes := BOX.findall(text):
            return Statement(TEX.sub(" ", boxes[-1]).strip(), "a box")
        text = ESCAPES.sub("\n", text)
    is_json = "{" in text or "[" in text
    if is_json and (said := _from_json(text)) is not None:
        return Statement(said, "JSON")
    text = unmarked(text)
    if sum(map(text.count, AFTER_A_CHOICE)) > 1 and len(choices := list(CHOICE.finditer(text))) > 1:
        text = _without_lesser(text, choices)
    if not is_json and (heads := _heads_of_a_list(text)):
        return Statement(heads[0], RANKED, second=heads[1])
    return Statement(text, place)


def without_thoughts(text: str) -> str:
    """What is left when thoughts are cut off, those without an end as well."""
    text = CLOSED_THOUGHT.sub("\n", text)
    return OPEN_THOUGHT.sub("", END_OF_THOUGHT.sub("", text))


def _from_json(text: str) -> str | None:
    """What the last JSON of a text says; None where there is none, or none that says something."""
    text = FENCE.sub(" ", text)
    for opening in ("{", "["):
        start, end = text.find(opening), text.rfind("}" if opening == "{" else "]")
        if start < 0:
            continue
        if end < start:
            opened = OPENED.findall(text[start:])
            return opened[0] if opened else None
        value = _parsed(text[start : end + 1])
        if isinstance(value, Mapping | list) and value:
            return _said(value)
    return None


def _parsed(text: str) -> Any:
    if len(text) > LARGEST_JSON:
        return None
    try:
        return json.loads(text, object_pairs_hook=_with_all_values)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None


def _with_all_values(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object in which all values of a repeated name count.

    Python would take the last.
    """
    values: dict[str, list[Any]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: given[0] if len(given) == 1 else given for name, given in values.items()}


def _said(value: Any, depth: int = 0) -> str | None:
    """The label that a value gives, as text; several of equal standing separated by commas."""
    if isinstance(value, str):
        return value
    if depth > 4:
        return None
    if isinstance(value, list):
        return _of_list(value, depth)
    if not isinstance(value, Mapping):
        return None
    names = {str(name).strip().casefold().replace(" ", "_"): entry for name, entry in value.items()}
    numbers = {str(name): number for name, entry in value.items() if (number := _number(entry)) is not None}
    if numbers and len(numbers) == len(value):
        return _largest(numbers)
    flags = {name: FLAGS.get(str(entry).casefold()) for name, entry in value.items()}
    if value and None not in flags.values():
        return ", ".join(str(name) for name, is_so in flags.items() if is_so)
    for name in KEYS:
        if name in names and (said := _said(names[name], depth + 1)) is not None:
            return said
    texts = [entry for entry in value.values() if isinstance(entry, str)]
    return texts[0] if len(texts) == 1 and len(value) == 1 else None


def _of_list(values: Sequence[Any], depth: int) -> str | None:
    scored = {}
    for entry in values:
        if isinstance(entry, Mapping):
            number = next((_number(entry[name]) for name in SCORES if name in entry), None)
            said = _said({name: item for name, item in entry.items() if name not in SCORES}, depth + 1)
            if number is not None and said:
                scored[said] = number
    if scored and len(scored) == len(values):
        return _largest(scored)
    texts = [said for entry in values if (said := _said(entry, depth + 1)) is not None]
    return ", ".join(texts) if texts else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip().removesuffix("%")
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _largest(scores: Mapping[str, float]) -> str:
    most = max(scores.values())
    return ", ".join(name for name, score in scores.items() if score == most)


def _without_lesser(text: str, choices: Sequence[re.Match[str]]) -> str:
    """Return the text without second choices beside a first one.

    What is merely counted stays, without its number, and so does what is tied.
    """
    has_best = any(each["best"] for each in choices) and not A_TIE.search(text)

    def shown(each: re.Match[str]) -> str:
        return "\n" if has_best and not each["best"] and not each["equal"] else f"\nLabel: {each['said']}\n"

    return CHOICE.sub(shown, text)


def _heads_of_a_list(text: str) -> list[str]:
    """What the entries of a numbered list begin with, a word or two each; none for numbered steps."""
    if "1." not in text and "1)" not in text:
        return []
    entries = [entry["said"].strip() for entry in ENTRY.finditer(text)]
    if len(entries) < 2 or not all(_is_short(entry) for entry in entries):
        return []
    return [HEAD.match(entry)[1] for entry in entries]  # type: ignore[index]


def _is_short(entry: str) -> bool:
    head = HEAD.match(entry)
    return head is not None and (
        head.end() == len(entry.rstrip("*. ")) or entry[head.end() :].lstrip("* ")[:1] in ":-(,;\u2013\u2014"
    )
