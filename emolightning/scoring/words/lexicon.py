"""The words for each emotion, in the forms that answers have: what a label is called by systems that do not know it.

A family is one word with its inflections and derivations; a concept is the families that mean the same. Words whose
meaning depends on the reader (upset, excited for happy, scared for worried) are in no concept of another label.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from emolightning.records.labels import BASIC, SHORTEST, SYNONYMS, is_one_edit, spelling

CONCEPTS: Mapping[str, tuple[str, ...]] = {
    "happy": (
        "happy happily happiness happier happiest",
        "joy joys joyful joyfully joyous joyously joyfulness joviality jovial",
        "cheerful cheerfully cheerfulness cheery",
        "glad gladly gladness gladdened",
        "delight delighted delightedly delightful",
        "pleased",
        "elated elation",
        "merry merrily merriment",
        "ecstatic ecstatically euphoric euphoria overjoyed blissful gleeful gleefully glee jubilant",
        "高兴 高興 开心 開心 快乐 快樂 喜悦 喜悅 愉快 欢喜 歡喜 欢快 欣喜 愉悦 开怀",
        "嬉し うれし 喜び 喜ん 喜ぶ よろこ 幸せ しあわせ 楽し 幸福",
        "행복 기쁨 기쁘 기뻐 기쁜 기쁩 기뻤 즐거 즐겁 즐기",
    ),
    "sad": (
        "sad sadly sadness sadder saddest saddened",
        "sorrow sorrowful sorrowfully sorrows",
        "unhappy unhappily unhappiness",
        "grief grieving grieved grief-stricken",
        "depressed depression depressing",
        "gloomy gloomily gloom",
        "melancholy melancholic mournful mournfully mourning dejected dejection despondent downcast downhearted "
        "heartbroken miserable misery tearful tearfully",
        "悲伤 悲傷 伤心 傷心 难过 難過 悲痛 哀伤 哀傷 忧伤 憂傷 悲哀 伤感 傷感 难受 難受 悲戚 沮丧 沮喪",
        "悲し かなし 哀し 切な",
        "슬픔 슬프 슬퍼 슬픈 슬픕 슬펐 우울",
    ),
    "angry": (
        "angry angrily anger angrier angriest angered angriness angryness",
        "annoyed annoyance annoying",
        "irritated irritation irritable irritably",
        "furious furiously fury",
        "mad",
        "enraged outraged outrage rage raging infuriated indignant indignation irate wrath wrathful",
        "生气 生氣 愤怒 憤怒 恼火 惱火 发怒 發怒 恼怒 惱怒 气愤 氣憤 愤慨 憤慨 发火 發火 怒火 暴怒 大怒 怒气 愤懑",
        "怒り 怒っ 怒る 怒ら 怒れ 怒鳴 腹を立 腹立 いらいら イライラ 苛立",
        "분노 화남 화가 화난 화나 화내 화를 화났 격분 짜증",
    ),
    "worried": (
        "worried worriedly worriedness worry worries worrying worrisome",
        "anxious anxiously anxiety anxieties",
        "nervous nervously nervousness",
        "concerned concern concerns",
        "uneasy uneasily uneasiness apprehensive apprehension apprehensively",
        "担心 擔心 担忧 擔憂 焦虑 焦慮 忧虑 憂慮 着急 著急 不安 焦急 忧心 發愁 发愁",
        "心配 不安",
        "걱정 불안 근심 염려 초조",
    ),
    "surprise": (
        "surprise surprised surprises surprising surprisedly",
        "astonished astonishment astonishing astounded",
        "amazed amazement",
        "shocked shock",
        "startled stunned taken~aback",
        "惊讶 驚訝 吃惊 吃驚 惊奇 驚奇 诧异 詫異 震惊 震驚 惊诧 惊愕 惊异",
        "驚い 驚き 驚く 驚か おどろ びっくり",
        "놀람 놀라 놀란 놀랐 놀랍 놀랄 당황",
    ),
    "neutral": (
        "neutral neutrally neutrality",
        "calm calmly calmness",
        "expressionless emotionless impassive unemotional indifferent indifference",
        "no~emotion no~emotions no~particular~emotion no~strong~emotion no~clear~emotion no~obvious~emotion "
        "no~visible~emotion",
        "中性 中立 平静 平靜 冷静 冷靜 平淡 无情绪 無情緒 没有情绪 没有表情 面无表情",
        "無表情 平静 ニュートラル 冷静",
        "중립 무표정 평온 침착 차분",
    ),
    "fear": (
        "fear fearful fearfully fearfulness fears",
        "scared afraid frightened fright frightening terrified terror panic panicked",
        "害怕 恐惧 恐懼 惧怕 懼怕 惊恐 驚恐 惶恐",
        "恐怖 怖い 怖が 恐れ 恐ろし",
        "두려움 두려 무서 무섭 공포",
    ),
    "disgust": (
        "disgust disgusted disgusting disgustedly",
        "revulsion repulsed repulsion revolted",
        "grossed~out",
        "厌恶 厭惡 恶心 噁心 嫌恶 反感",
        "嫌悪",
        "혐오 역겨",
    ),
    "contempt": (
        "contempt contemptuous contemptuously",
        "scorn scornful scornfully disdain disdainful",
        "轻蔑 輕蔑 蔑视 蔑視 鄙视 鄙視 不屑",
        "軽蔑",
        "경멸",
    ),
    "doubt": (
        "doubt doubtful doubtfully doubting doubts",
        "skeptical sceptical skepticism suspicious suspicion",
        "怀疑 懷疑 疑惑",
        "疑い 疑っ",
        "의심 의혹",
    ),
    "confusion": ("confusion confused confusedly confusing puzzled perplexed bewildered bewilderment", "困惑 혼란"),
    "excited": ("excited excitedly excitement", "thrilled exhilarated", "兴奋 興奮 激动 激動 흥분 신나 신난"),
    "frustrated": ("frustrated frustration frustrating frustratedly", "좌절"),
    "disappointment": ("disappointment disappointed disappointing disappointedly", "失望 失落 がっかり 실망"),
    "helplessness": ("helplessness helpless helplessly", "无奈 無奈 无助 無助 무력"),
    "shy": ("shy shyly shyness bashful bashfully", "害羞 羞涩 恥ずかし 수줍"),
    "embarrassment": ("embarrassment embarrassed embarrassing", "尴尬 尷尬"),
    "sarcastic": ("sarcastic sarcastically sarcasm", "讽刺 諷刺"),
    "proud": ("proud proudly pride", "自豪 骄傲 驕傲"),
    "ashamed": ("ashamed shame", "羞愧"),
    "jealous": ("jealous jealously jealousy envious envy", "嫉妒"),
    "bored": ("bored boredom", "无聊 無聊"),
    "positive": ("positive positively positivity", "积极 積極 正面"),
    "negative": ("negative negatively negativity", "消极 消極 负面 負面"),
}  # fmt: skip
"""Concept -> its families, each a line of words; `~` is a space."""

CLEAR = 3
"""Letters from which on the beginning of a label's word is no other word."""

FAMILIES = [
    (concept, [[spelling(word.replace("~", " ")) for word in line.split()] for line in lines])
    for concept, lines in CONCEPTS.items()
]

REAL_WORDS = frozenset(
    (
        "neural", "sacred", "scarred", "shared", "stared", "spared", "scored", "scare", "scares", "angel", "angels",
        "wordy", "worthy", "harpy", "discuss", "content", "contend", "feat", "feast", "feather", "hapless", "shack",
        "stock", "doubly", "double", "bored", "board", "fearless", "sadist", "supreme",
    )
)  # fmt: skip
"""Words that are one letter away from a label's and mean something else."""


class Lexicon:
    """What the words of answers mean: a label of the vocabulary, or None for an emotion that it lacks."""

    def __init__(self, labels: Sequence[str], aliases: Mapping[str, str], *, wide: bool):
        """Words of the concepts that exactly one label has, then aliases, then the labels.

        Args:
            labels: the vocabulary.
            aliases: further words -> label.
            wide: with the concepts; otherwise labels and aliases alone, and nothing is misspelt.
        """
        meanings: dict[str, str | None] = dict.fromkeys(_basic_elsewhere(labels, wide=wide))
        own_families: list[str] = []
        if wide:
            owners = {concept: [label for label in labels if _is_named(lines, label)] for concept, lines in FAMILIES}
            for concept, lines in FAMILIES:
                if len(owners[concept]) == 1:
                    meanings |= {word: owners[concept][0] for line in lines for word in line}
                # Of a concept with two labels only the words of each label's own family are sure.
                for label in owners[concept]:
                    own = [line for line in lines if _parts(label) & set(line)]
                    meanings |= {word: label for line in own for word in line}
                    own_families += [word for line in own for word in line]
        meanings |= {spelling(word): label for word, label in aliases.items()}
        meanings |= {spelling(part): label for label in labels for part in label.split("/") if wide and part.strip()}
        meanings |= {spelling(label): label for label in labels}
        self.meanings: Mapping[str, str | None] = meanings
        near = {word for word in [*own_families, *map(spelling, labels)] if wide and word.isalpha()}
        self._near = _filed(near, lambda word: _shortened(word) if len(word) > SHORTEST else ())
        self._begun = {word[:end]: meanings[word] for word in sorted(near)[::-1] for end in range(CLEAR, len(word))}
        self._drawn_out = _filed(near, lambda word: [_once_each(word)])

    def misspelt(self, word: str) -> str | None:
        """The word of a label's family that is one letter away; None where there is none, or several labels."""
        if len(word) < SHORTEST or word in REAL_WORDS:
            return None
        near = {known for form in _shortened(word) for known in self._near.get(form, ())}
        near = {known for known in near if known[0] == word[0] and is_one_edit(word, known)}
        near |= {known for known in self._drawn_out.get(_once_each(word), ()) if len(known) < len(word)}
        return min(near) if len({self.meanings[known] for known in near}) == 1 else None

    def begun(self, word: str) -> str | None:
        """The label that a word without its end means: `worr`, `surpr`."""
        return None if word in self.meanings else self._begun.get(word)


def _basic_elsewhere(labels: Sequence[str], *, wide: bool) -> set[str]:
    """Words for emotions that are in no way one of `labels`."""
    words = set(BASIC - set(labels)) | {word for word, label in SYNONYMS.items() if label not in labels}
    lines = [lines[0] for concept, lines in FAMILIES if concept in BASIC] if wide else []
    return words | {word for line in lines for word in line}


def _parts(label: str) -> set[str]:
    """The spellings that are a label's own: also each side of `doubt/confusion`."""
    return {spelling(part) for part in (label, *label.split("/"))}


def _is_named(lines: Sequence[Sequence[str]], label: str) -> bool:
    return any(_parts(label) & set(line) for line in lines)


def _filed(words: Iterable[str], forms: Callable[[str], Iterable[str]]) -> dict[str, set[str]]:
    """The words under each of their forms."""
    filed: dict[str, set[str]] = {}
    for word in words:
        for form in forms(word):
            filed.setdefault(form, set()).add(word)
    return filed


def _once_each(word: str) -> str:
    """The word with each run of a letter as one: `saaad` and `sad` are the same."""
    return re.sub(r"(.)\1+", r"\1", word)


def _shortened(word: str) -> set[str]:
    return {word, *(word[:place] + word[place + 1 :] for place in range(len(word)))}
