"""Words that say how an emotion is meant: denied, conceded, hinted at, concluded. One table for all scripts."""

from collections.abc import Mapping
from enum import IntEnum, auto


class Cue(IntEnum):
    """What a word of an answer does to the emotions near it."""

    LABEL = auto()
    WORD = auto()
    NUMBER = auto()
    SIGN = auto()
    NOT = auto()
    """Denies what follows, to the end of its clause."""
    NOT_BEFORE = auto()
    """Denies what came before in its clause, as in Japanese and Korean, or `can be ruled out`."""
    ABOUT = auto()
    """What comes before says what this is like, and not the person: `a sad story`."""
    ASKING = auto()
    """At its beginning, a sentence with a question mark asks, and does not guess."""
    ONLY = auto()
    """After a negation: `not only` denies nothing."""
    RELEASE = auto()
    """A verb or conjunction after which an earlier negation no longer holds: `cannot hide his anger`."""
    BUT = auto()
    """What follows counts more than what came before."""
    THAN = auto()
    """The next emotions are the ones that it is not: `rather than sad`."""
    LESS = auto()
    """The same, for `less happy than sad`."""
    CONCEDE = auto()
    """Concedes what follows: `although`."""
    SEEMS = auto()
    """Before `but`, what seemed so counts less."""
    THEN = auto()
    """What was at first has passed."""
    AT_FIRST = auto()
    """The whole clause is about something that passes or only seems so."""
    SLIGHTLY = auto()
    """The next emotions are less than another."""
    WITH = auto()
    PERHAPS = auto()
    """The clause is not sure."""
    MAINLY = auto()
    """The next emotions are more than others."""
    REFUSE = auto()
    """What follows is not asserted: `it is hard to say whether`."""
    BECAUSE = auto()
    EXPLAINING = auto()
    """Followed by a colon, the line explains and does not answer."""
    SO = auto()
    """Concludes, at the beginning of a clause."""
    CONCLUDE = auto()
    FINAL = auto()
    KEY = auto()
    """What is asked for; with a colon or a verb it concludes."""
    KEYS = auto()
    """The same in the plural."""
    OPTIONS = auto()
    """The sentence lists what could be answered."""
    RANKED = auto()
    """The sentence lists emotions, the likeliest first."""
    MIXED = auto()
    IS = auto()
    AND = auto()
    OR = auto()
    COMMA = auto()
    COLON = auto()
    MORE_THAN = auto()
    """The sign >."""
    STOP = auto()
    """A sentence ends."""
    ASKED = auto()
    """A sentence ends in a question mark."""
    LINE = auto()
    """A line ends."""


WORDS: Mapping[Cue, str] = {
    Cue.NOT: "not rule~out rules~out exclude no never without neither nor cannot isnt doesnt dont wasnt arent hardly "
    "barely scarcely lacks lacking anything~but far~from free~of absence~of lack~of devoid~of i~doubt fails~to "
    "nothing 不是 并非 並非 并不 並不 没有 沒有 毫无 毫無 不 没 沒 无 無 非 未 并没有 안",
    Cue.NOT_BEFORE: "ruled~out excluded absent unlikely improbable missing ではなく じゃなく ではない じゃない "
    "でなく なく ない ません なかった 않 아니 없 못",
    Cue.ONLY: "only just merely simply solely",
    Cue.ABOUT: "story stories song songs music movie movies film news tale tales memory memories poem event events "
    "situation scene topic ending day",
    Cue.ASKING: "would does do did can shall what which who how why",
    Cue.RELEASE: "hide hides hiding conceal contain control suppress mask stop avoid 只是 就是 不由得 忍不住 不禁 "
    "不得不",
    Cue.BUT: "but however yet nevertheless nonetheless whereas 而是 但是 但 然而 不过 不過 可是 却 卻 而 しかし "
    "ですが だが けど でも 하지만 그러나 지만",
    Cue.THAN: "rather~than instead~of as~opposed~to than opposed~to in~place~of",
    Cue.LESS: "less not~so~much not~as pretends~to~be pretending~to~be pretends pretending feigned used~to~be "
    "formerly",
    Cue.CONCEDE: "although if unless though even~though even~if despite in~spite~of while albeit notwithstanding "
    "虽然 雖然 尽管 儘管 即使 固然",
    Cue.THEN: "then later afterwards eventually now 后来 後來 然后",
    Cue.SEEMS: "seem seems seemed appear appears appeared look looks looked sound sounds sounded smile smiles "
    "smiling laughs laughing words suggest suggests suggesting",
    Cue.AT_FIRST: "starts~out started~out starts~off begins~as at~first initially might~say might~think may~suggest "
    "might~suggest could~suggest might~expect would~expect on~the~surface first~glance 起初 一开始 一開始 最初 表面",
    Cue.SLIGHTLY: "slightly hint~of hints~of touch~of bit somewhat little mild mildly trace~of traces~of tinge~of "
    "tinged seemingly undertone~of undertones~of secondary secondarily some faint faintly also~some lesser "
    "underlying second~choice runner-up 有点 有點 略带 略帶 一丝 一絲 些许 些許 少し ちょっと 약간 조금",
    Cue.WITH: "with accompanied~by followed~by",
    Cue.PERHAPS: "could might may possibly possible perhaps maybe potentially alternatively or~even conceivable "
    "plausible 可能 也许 也許 或许 或許 かもしれない かもしれません 아마",
    Cue.MAINLY: "first~choice mostly mainly primarily predominantly dominant predominant primary main chiefly "
    "largely leaning lean most~likely likeliest strongest prevailing overwhelming actually truly genuinely in~fact "
    "in~reality really essentially ultimately 主要 其实 其實 实际上 實際上 主に 주로 사실",
    Cue.REFUSE: "cannot~determine cannot~tell can't~tell can't~determine can't~say cannot~say can't~identify "
    "unable~to cannot~identify hard~to difficult~to impossible~to unclear not~sure unsure uncertain not~possible "
    "not~enough insufficient don't~know no~idea do~not~know cannot~be~determined can't~be~determined not~clear "
    "isn't~clear whether not~certain can't~decide cannot~decide wouldn't~say would~not~say 无法 無法 难以 難以 "
    "不确定 不確定 不清楚 不知道 分からな わからな 모르",
    Cue.BECAUSE: "because since due~to as~if as~though when owing~to thanks~to caused~by about 因为 因為 由于 由於",
    Cue.EXPLAINING: "reason reasons reasoning explanation rationale analysis evidence justification alternatives "
    "alternative confidence note observation observations description context secondary~emotion second~choice 原因 "
    "理由 分析 解释 解釋",
    Cue.SO: "so",
    Cue.CONCLUDE: "therefore thus hence consequently overall in~conclusion in~summary to~sum~up in~short conclusion "
    "i~would~say i'd~say i~would~choose i~choose i~would~pick i'd~go~with i~would~go~with i~conclude "
    "best~described~as best~fits best~guess best~label classified~as we~can~conclude all~in~all on~balance 所以 因此 "
    "综上 綜上 总之 總之 よって したがって 따라서 그러므로",
    Cue.FINAL: "final~answer final~label final~emotion final~prediction final~decision final~verdict my~answer "
    "the~answer answer final 答案 最终答案 最終答案 最终 最終 答え 정답 답",
    Cue.KEY: "emotion label prediction mood feeling category classification emotional~state sentiment verdict "
    "emotion~label 情绪 情緒 情感 心情 感情 감정",
    Cue.KEYS: "emotions labels feelings predictions candidates",
    Cue.OPTIONS: "options option~list choices candidate~labels candidate~emotions possible~labels possible~emotions "
    "labels~are following~emotions following~labels categories choose~from select~from represents "
    "which~emotion~label 选项 選項",
    Cue.RANKED: "ranked ranking top top-3 top-2 top-5 top~3 top~2 top~5 top~three top~two most~likely~to~least "
    "order~of~likelihood order~of~probability most~to~least descending",
    Cue.MIXED: "mix mixture combination blend both between mixed equally simultaneously 既 混合",
    Cue.IS: "is was would~be are as seems~to~be appears~to~be being should~be must~be 是 为 為 は",
    Cue.AND: "and plus as~well~as but~also yet~also 而且 和 与 與 及 又 と",
    Cue.OR: "or either 或 或者 还是 還是 または か~または",
    Cue.WORD: "no~doubt without~doubt without~a~doubt beyond~doubt no~wonder no~matter no~surprise~that "
    "not~surprisingly not~surprising couldn't~be could~not~be i'm~afraid i~am~afraid happy~to glad~to pleased~to "
    "happy~birthday happy~new~year happy~ending merry~christmas don't~worry no~worries calm~down calm~her calm~him "
    "calm~them surprise~party surprise~visit surprise~gift surprise~attack can't~help cannot~help couldn't~help "
    "is~concerned are~concerned not~to~mention nothing~but no~less~than 不仅 不但 不只 不止 非常 不断 无比 无论 不错 "
    "不同 没想到 未来 仕方な もったいな 少な 間違いな 違いな",
}  # fmt: skip
"""Cue -> words, each with `~` for a space; `WORD` holds sayings in which no emotion is named or denied."""

SIGNS: Mapping[str, Cue] = {
    ",": Cue.COMMA, "，": Cue.COMMA, "、": Cue.COMMA, "،": Cue.COMMA,
    ":": Cue.COLON, "：": Cue.COLON, "=": Cue.COLON, "→": Cue.COLON,
    ";": Cue.STOP, "；": Cue.STOP, ".": Cue.STOP, "!": Cue.STOP, "。": Cue.STOP, "！": Cue.STOP, "…": Cue.STOP,
    "?": Cue.ASKED, "？": Cue.ASKED, "؟": Cue.ASKED, "\n": Cue.LINE, ">": Cue.MORE_THAN, "/": Cue.OR, "|": Cue.OR,
    "&": Cue.AND, "+": Cue.AND,
}  # fmt: skip

SAID_OF = frozenset(("he", "she", "they", "man", "woman", "boy", "girl", "mother", "father", "first", "second"))
"""Who a sentence may be about: two of them may well feel differently."""
