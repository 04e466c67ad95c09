"""Emotion words of free text, English or Chinese, as words that an emotion wheel knows. No model, no understanding.

English: the words and phrases of the wheel. Chinese: a small lexicon of our own, `chinese_emotions.py`. An emotion that
is denied right before it (`not happy`, 不太高兴) does not count; irony and pretence are not seen.
"""

import re

from emolightning.scoring.metrics.chinese_emotions import CHINESE_EMOTIONS
from emolightning.scoring.metrics.wheels import EmotionWheels, words_in_text

_FILLERS = r"(?:very|so|too|really|particularly|quite|all|that|at|any|a|an|the|feel|feeling|look|looking|being|longer)"
_DENIED = re.compile(
    rf"\b(?:not|no|never|without|hardly|cannot|\w+n['\u2019]t)\s+(?:{_FILLERS}\s+)*[\w-]+", re.IGNORECASE
)
_DENIED_CHINESE = re.compile(r"(?:不|没|没有|无|未|并非)(?:是|有|再|太|很|怎么|那么|够|感到|觉得|显得)*$")
_LONGEST = max(map(len, CHINESE_EMOTIONS))
_LONGEST_DENIAL = 6  # characters


def emotion_words(text: str, wheels: EmotionWheels) -> list[str]:
    """Words in the order of the text, each once, whatever the language or mixture of languages.

    >>> from emolightning.scoring.metrics.wheel_files import embedded_wheels
    >>> emotion_words("She is not happy but worried. 他很生气，不高兴。", embedded_wheels())
    ['worried', 'angry', 'unhappy']
    """
    english = words_in_text(_DENIED.sub(" ", text), wheels)
    return list(dict.fromkeys([*english, *_chinese_words(text)]))


def _chinese_words(text: str) -> list[str]:
    """The longest entry at each place: 不高兴 is one of its own, and no denied 高兴."""
    found, start = [], 0
    while start < len(text):
        for length in range(_LONGEST, 0, -1):
            phrase = text[start : start + length]
            if phrase in CHINESE_EMOTIONS:
                if not _DENIED_CHINESE.search(text[max(0, start - _LONGEST_DENIAL) : start]):
                    found.append(CHINESE_EMOTIONS[phrase])
                start += length
                break
        else:
            start += 1
    return found
