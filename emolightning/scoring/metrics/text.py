"""BLEU, chrF and ROUGE of free text: diagnostics, part of no official protocol. They reward length and wording.

Chinese has no spaces: with the tokenisers meant for English every Chinese text scores 0. The language decides which
are used, and the signature of each score says which were.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

from absl import logging as absl_logging
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF

# rouge-score logs through absl, whose handler closes the stream that was `sys.stderr` at its import when logging is set
# up anew, as Hydra does. A stream that somebody had only put there for a while is not its to close.
absl_logging.get_absl_handler().python_handler.setStream(sys.__stderr__)

Language = Literal["auto", "en", "zh"]

HAN_SHARE = 0.2
"""Share of Han characters among the letters above which a text counts as Chinese: names in Latin letters are common in
Chinese text, Han characters in English text are not."""

ROUGES = {"rouge1": "rouge1", "rouge2": "rouge2", "rouge_l": "rougeL"}
"""Our name -> rouge-score's."""

DEFINITIONS = {
    "bleu": "corpus BLEU, 0-100",
    "chrf": "corpus chrF2 on character 6-grams without words, 0-100",
    "rouge1": "mean over clips of the F measure of single tokens, 0-1",
    "rouge2": "mean over clips of the F measure of token pairs, 0-1",
    "rouge_l": "mean over clips of the F measure of the longest common subsequence of tokens, 0-1",
}


@dataclass(frozen=True)
class TextScores:
    """Scores of all answers together."""

    language: str
    """`en` or `zh`: whose tokenisers were used."""
    han_share: float
    """Share of Chinese characters among the letters of the references."""
    values: dict[str, float]
    """Name of DEFINITIONS -> value."""
    signatures: dict[str, str]
    """The same names -> tokeniser, settings and version."""

    def as_section(self) -> dict[str, Any]:
        """The section of metrics.json."""
        return {
            "kind": "diagnostics: part of no official protocol",
            "language": self.language,
            "han_share": self.han_share,
            "scores": {
                name: {"value": value, "definition": DEFINITIONS[name], "signature": self.signatures[name]}
                for name, value in self.values.items()
            },
        }


class CharacterTokenizer:
    """One token for each character that is not a space: for Chinese."""

    def tokenize(self, text: str) -> list[str]:
        """As rouge-score calls it."""
        return [character for character in text if not character.isspace()]


def han_share(texts: Sequence[str]) -> float:
    """Share of Han characters among the letters of all texts together; 0 without letters."""
    letters = [character for text in texts for character in text if character.isalpha()]
    return sum(map(is_han, letters)) / len(letters) if letters else 0.0


def is_han(character: str) -> bool:
    """CJK unified ideographs with extension A, the compatibility block and the planes of the other extensions."""
    return (
        "\u3400" <= character <= "\u4dbf"
        or "\u4e00" <= character <= "\u9fff"
        or "\uf900" <= character <= "\ufaff"
        or "\U00020000" <= character <= "\U0003ffff"
    )


def language_of(texts: Sequence[str]) -> str:
    """`zh` or `en`."""
    return "zh" if han_share(texts) > HAN_SHARE else "en"


def score_texts(answers: Sequence[str], references: Sequence[str], *, language: Language = "auto") -> TextScores:
    """All scores of answers against one reference each.

    Args:
        answers: what was said.
        references: in the same order.
        language: `auto` looks at the references.

    Raises:
        ValueError: no texts, or not as many answers as references.
    """
    if not answers or len(answers) != len(references):
        raise ValueError(f"Expected as many answers as references, but got {len(answers)} and {len(references)}.")
    chosen = language_of(references) if language == "auto" else language
    bleu, chrf = BLEU(tokenize="zh" if chosen == "zh" else "13a"), CHRF(word_order=0)
    values = {
        "bleu": bleu.corpus_score(answers, [references]).score,
        "chrf": chrf.corpus_score(answers, [references]).score,
        **_rouge(answers, references, chosen),
    }
    rouge_signature = f"tok:{'char' if chosen == 'zh' else 'default'}|stemmer:no|f|rouge-score:{version('rouge-score')}"
    signatures = {"bleu": str(bleu.get_signature()), "chrf": str(chrf.get_signature())}
    return TextScores(
        chosen, han_share(references), values, {name: signatures.get(name, rouge_signature) for name in values}
    )


def _rouge(answers: Sequence[str], references: Sequence[str], language: str) -> dict[str, float]:
    tokenizer = CharacterTokenizer() if language == "zh" else None
    scorer = rouge_scorer.RougeScorer(list(ROUGES.values()), use_stemmer=False, tokenizer=tokenizer)
    found = [scorer.score(reference, answer) for answer, reference in zip(answers, references, strict=True)]
    return {name: sum(scores[theirs].fmeasure for scores in found) / len(found) for name, theirs in ROUGES.items()}


def chrf_similarity(answer: str, reference: str) -> float:
    """chrF2 of one text, 0-1: overlap of character n-grams up to 6. Depends on these two texts alone."""
    return CHRF(word_order=0).sentence_score(answer, [reference]).score / 100
