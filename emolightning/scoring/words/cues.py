"""Words that say how an emotion is meant: denied, conceded, hinted at, concluded. One table for all scripts."""

from collections.abc import Mapping
from enum import IntEnum, auto


class Cue(IntEnum):
    """What a word of an answer does to the emotions near it."""

    __hash__ = int.__hash__

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
    AT_FIRST = auto()
    """The whole clause is about something that passes or only seems so."""
    SLIGHTLY = auto()
    """The next emotions are less than another."""
    WITH = auto()
    PERHAPS = auto()
    """The clause is not sure."""
    MAINLY = auto()
    """The next emotions are more than others."""
    PREVAILS = auto()
    """The emotions before are more than others: `disgust dominates`."""
    DOMINANT = auto()
    """Said of the emotion before, or of the next one: `anger is the main emotion`, `the main emotion is anger`."""
    BECOMES = auto()
    """What was before has passed."""
    NOW = auto()
    """The same, where an emotion follows."""
    FROM = auto()
    TO = auto()
    """Leads, after `from`, to what the person feels at the end: `from sad to happy`."""
    PERSON = auto()
    """Whom a sentence is about."""
    ANOTHER = auto()
    """Whom the question is not about: `her mother`, `the crowd`."""
    MAKES = auto()
    """What comes before is the cause of what follows."""
    OBJECT = auto()
    """After an emotion, the other emotions of the clause are what it is about."""
    THAT = auto()
    """After an emotion, the rest says why."""
    ALSO = auto()
    """The sentence adds to those before it."""
    SHOWS = auto()
    ANY_EMOTION = auto()
    """After `does not show`: nothing is shown."""
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
    OPTIONS = auto()
    """The sentence lists what could be answered."""
    TIED = auto()
    """What is ranked is equal, and what a sentence names beside it."""
    RANKED = auto()
    """The sentence lists emotions, the likeliest first."""
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
    Cue.NOT: "i~can't~give i~cannot~give i~can't~provide i~cannot~provide i~can't~assign i~cannot~assign "
    "i~won't~assign i~can't~commit i~cannot~commit i~am~unable~to~give i'm~unable~to~give i~doubt wrong~to "
    "a~mistake~to none few~would few~people nowhere otherwise 别 別 not no never without "
    "neither nor cannot isnt doesnt dont wasnt arent hardly barely scarcely lacks lacking anything~but far~from "
    "nothing nobody none~of evidence~against little~evidence little~sign little~indication little~reason few~signs "
    "few~indications scant~evidence 不是 并非 並非 并不 並不 没有 沒有 毫无 毫無 不 没 沒 无 無 非 未 并没有 안",
    Cue.NOT_BEFORE: "ruled~out excluded absent unlikely improbable missing is~wrong ではなく じゃなく ではない "
    "じゃない でなく なく ない ません なかった 않 아니 아닙 아닌 어렵 없 못 모르 모른 모릅 分からな わからな",
    Cue.ONLY: "only just merely simply solely",
    Cue.ABOUT: "friend friends customer customers crowd crowds audience couple story stories song songs music movie "
    "movies film news tale tales memory memories poem event events situation scene topic ending day days times "
    "occasion occasions party atmosphere weather lyrics background people 的故事 的歌 的歌曲 的音乐 的音樂 的电影 "
    "的電影 的消息 的背景 childhood colour colours color colors",
    Cue.RELEASE: "hide hides hiding conceal contain control suppress mask stop avoid 只是 就是 不由得 忍不住 不禁 "
    "不得不",
    Cue.BUT: "so~much~as 不如说 不如說 but however yet nevertheless nonetheless whereas 而是 但是 但 然而 不过 不過 "
    "可是 却 卻 而 しかし ですが だが けど でも 하지만 그러나 지만",
    Cue.THAN: "over rather~than instead~of as~opposed~to than opposed~to in~place~of",
    Cue.LESS: "claims~to~be puts~on~a put~on~a putting~on~a 与其说 與其說 less not~so~much not~as pretends~to~be "
    "pretending~to~be pretends pretending feigns fakes mistaken~for taken~for used~to~be formerly",
    Cue.CONCEDE: "although though even~though even~if despite in~spite~of while albeit notwithstanding 虽然 雖然 "
    "尽管 儘管 即使 固然",
    Cue.NOW: "now 现在 現在 如今 今は 지금은",
    Cue.THAT: "that",
    Cue.ALSO: "also too additionally furthermore moreover in~addition besides at~the~same~time 同时 同時 此外 另外 "
    "也 また 또한",
    Cue.OBJECT: "of at by for",
    Cue.BECOMES: "turns~into turn~into turning~into turned~into turns~to turned~to becomes became becoming "
    "changes~to changed~to changing~to shifts~to shifted~to shifting~to switches~to gives~way~to gave~way~to "
    "giving~way~to transitions~to transitioned~to transitioning~to transitions~into transitioning~into evolves~into "
    "evolving~into develops~into replaced~by grows gets getting returns~to returned~to goes~back~to ends~in "
    "ends~with ends~up ended~up 变成 變成 变为 變為 变得 變得 转为 轉為 转变为 轉變為 转变成 转而",
    Cue.FROM: "from",
    Cue.TO: "to",
    Cue.MAKES: "makes~him makes~her makes~them makes~the made~him made~her made~them made~the leaves~him leaves~her "
    "leaves~the left~him left~her left~the making~him making~her",
    Cue.SHOWS: "show shows showing display displays displaying express expresses expressing exhibit exhibits convey "
    "conveys betray betrays reveal reveals",
    Cue.SEEMS: "seem seems seemed appear appears appeared look looks looked sound sounds sounded smile smiles "
    "smiling laughs laughing words suggest suggests suggesting",
    Cue.AT_FIRST: "yesterday i~thought had~been back~then in~the~past as~a~child as~children at~that~time "
    "以前很 以前是 曾经 starts~out started~out starts~off begins~as "
    "at~first initially previously might~say might~think would~have~said last~year last~week ago on~the~surface "
    "first~glance first~sight 起初 一开始 一開始 最初 表面 之前他 之前她 他之前 她之前 之前很 以前他 以前她 原本 "
    "本来 本來 刚开始 剛開始 처음에는",
    Cue.SLIGHTLY: "slightly hint~of hints~of touch~of bit somewhat little mild mildly trace~of traces~of tinge~of "
    "tinged seemingly undertone~of undertones~of secondary secondarily some faint faintly also~some lesser "
    "underlying second~choice second~guess second~best runner-up weak weakly 次要 有点 有點 略带 略帶 一丝 一絲 些许 "
    "些許 少し ちょっと 약간 조금",
    Cue.WITH: "with accompanied~by followed~by",
    Cue.PERHAPS: "could might may possibly possible perhaps maybe potentially alternatively or~even conceivable "
    "plausible 可能 也许 也許 或许 或許 かもしれない かもしれません 아마",
    Cue.PREVAILS: "fits~best suits~best wins dominates dominate dominated prevails prevail prevailed predominates "
    "outweighs outweigh overshadows",
    Cue.DOMINANT: "dominant predominant primary main strongest stronger prevailing dominating most~prominent "
    "overriding 主要",
    Cue.MAINLY: "first~choice above~all mostly mainly primarily predominantly chiefly dominated~by largely leaning "
    "lean most~likely likeliest overwhelming actually truly genuinely in~fact in~reality really essentially "
    "ultimately 其实 其實 实际上 實際上 主に 주로 사실",
    Cue.REFUSE: "depends depend "
    "may~become might~become could~become may~get might~get could~get about~to~become about~to~get "
    "may~suggest might~suggest could~suggest stop~being stops~being cannot~determine cannot~tell can't~tell "
    "can't~determine can't~say cannot~say "
    "can't~identify unable~to cannot~identify hard~to difficult~to impossible~to unclear not~sure unsure uncertain "
    "not~possible not~enough insufficient don't~know no~idea do~not~know cannot~be~determined can't~be~determined "
    "not~clear too~early~to too~short~to too~little~to expects expected 希望 但愿 having~made isn't~clear whether "
    "can't~decide cannot~decide 无法 無法 难以 難以 不确定 不確定 不清楚 不知道",
    Cue.BECAUSE: "because since due~to as~if as~though when owing~to thanks~to caused~by about at~how by~how "
    "at~the~fact 因为 因為 由于 由於",
    Cue.EXPLAINING: "reason reasons reasoning explanation rationale analysis evidence justification alternatives "
    "alternative confidence note observation observations description context secondary~emotion second~choice 原因 "
    "理由 分析 解释 解釋",
    Cue.SO: "so",
    Cue.CONCLUDE: "therefore thus hence consequently overall in~conclusion in~summary to~sum~up in~short conclusion "
    "i'd~pick i'd~choose i~would~say i'd~say i~would~choose i~choose i~would~pick i'd~go~with i~would~go~with "
    "i~conclude "
    "best~described~as best~fits best~guess best~label classified~as we~can~conclude all~in~all on~balance 所以 因此 "
    "综上 綜上 总之 總之 よって したがって 따라서 그러므로",
    Cue.FINAL: "final~answer final~label final~emotion final~prediction final~decision final~verdict my~answer "
    "the~answer answer final 答案 最终答案 最終答案 最终 最終 答え 정답 답",
    Cue.KEY: "emotion label prediction mood feeling category classification emotional~state sentiment verdict "
    "emotion~label 情绪 情緒 情感 心情 感情 감정",
    Cue.OPTIONS: "options option~list choices candidate~labels candidate~emotions possible~labels possible~emotions "
    "labels~are following~emotions following~labels categories choose~from select~from represents "
    "which~emotion~label 选项 選項",
    Cue.TIED: "tie a~tie tied tie~between a~tie~between tied~between tied~for they~tie both~tie "
    "ends~in~a~tie end~in~a~tie close~tie dead~tie toss-up coin~flip "
    "equally~likely equally~plausible equally~strong 并列 "
    "several~emotions different~emotions two~readings same~degree equally~supported both~are~supported both~fit "
    "multiple~emotions various~emotions many~emotions range~of~emotions both~emotions bittersweet mixed~feelings "
    "mixed~emotions",
    Cue.RANKED: "ranked ranking top top-3 top-2 top-5 top~3 top~2 top~5 top~three top~two most~likely~to~least "
    "order~of~likelihood order~of~probability most~to~least descending",
    Cue.IS: "would~have~been he'd~be she'd~be they'd~be is was will~be would~be has~become have~become are as "
    "seems~to~be appears~to~be being should~be must~be were 是 为 為 は",
    Cue.AND: "and plus as~well~as but~also yet~also 而且 和 与 與 及 又 と",
    Cue.OR: "or either 或 或者 还是 還是 または か~または",
    Cue.WORD: "如果要 如果只能 如果必须 如果一定 如果非 如果从 如果看 如果仅 特别 特別 分别 分別 告别 区别 个别 性别 "
    "类别 差别 识别 判别 no~doubt without~doubt without~a~doubt beyond~doubt no~wonder no~matter no~surprise~that "
    "not~surprisingly not~surprising couldn't~be could~not~be i'm~afraid i~am~afraid i'm~happy~to i~am~happy~to "
    "i'd~be~happy~to i~would~be~happy~to happy~to~help i'm~glad~to i~am~glad~to glad~to~help pleased~to~help "
    "pleased~to~meet sad~to~say sad~to~report sad~to~inform afraid~to~say 生日快乐 新年快乐 节日快乐 圣诞快乐 "
    "happy~birthday happy~new~year happy~ending merry~christmas happy~meal happy~hour name~is~joy named~joy "
    "hard~not~to difficult~not~to don't~worry no~worries calm~down calm~her calm~him calm~them surprise~party "
    "surprise~visit surprise~gift surprise~attack anger~management can't~help cannot~help couldn't~help "
    "from~time~to~time from~start~to~end from~beginning~to~end if~i~had~to if~i~have~to if~i~must if~anything "
    "if~i~were~to if~i~were~forced if~i~was~forced if~pressed if~i~need~to if~i~could~only if~i~can~only if~forced "
    "no~emotion~label no~emotion~labels no~emotion~listed no~emotion~from no~emotion~in~the~list "
    "no~emotion~can no~emotions~can no~emotion~could "
    "no~emotion~dominates no~emotion~prevails contrasts~with contrasting~with in~contrast~with "
    "emotion~is~concerned emotions~are~concerned mood~is~concerned face~is~concerned voice~is~concerned "
    "not~to~mention nothing~but no~less~than hair~tied hair~is~tied hands~tied hands~are~tied "
    "hands~were~tied tied~up tied~back tied~to tied~down tied~behind "
    "tied~around 不仅 不但 不只 不止 非常 不断 无比 无论 不错 不同 没想到 未来 仕方な "
    "もったいな 少な 間違いな 違いな",
}  # fmt: skip
"""Cue -> words, each with `~` for a space; `WORD` holds sayings in which no emotion is named or denied."""

SIGNS: Mapping[str, Cue] = {
    ",": Cue.COMMA, "，": Cue.COMMA, "、": Cue.COMMA, "،": Cue.COMMA,
    ":": Cue.COLON, "：": Cue.COLON, "=": Cue.COLON, "→": Cue.COLON,
    ";": Cue.STOP, "；": Cue.STOP, ".": Cue.STOP, "!": Cue.STOP, "。": Cue.STOP, "！": Cue.STOP, "…": Cue.STOP,
    "?": Cue.ASKED, "？": Cue.ASKED, "؟": Cue.ASKED, "\n": Cue.LINE, ">": Cue.MORE_THAN, "/": Cue.OR, "|": Cue.OR,
    "&": Cue.AND, "+": Cue.AND,
}  # fmt: skip

_RELATIVES = (
    *("mother", "father", "mom", "dad", "parents", "son", "daughter", "brother", "sister", "husband", "wife"),
    *("friend", "friends", "boss", "colleague", "colleagues", "boyfriend", "girlfriend", "partner", "teacher"),
    *("opponent", "interlocutor", "interviewer"),
)
_RELATIVES_IN_CHINESE = (
    *("妈妈", "母亲", "爸爸", "父亲", "朋友", "老板", "同事"),
    *("丈夫", "妻子", "老公", "老婆", "儿子", "女儿"),
)
_VISIBLE = (
    *("clear", "strong", "particular", "specific", "obvious", "visible", "noticeable", "discernible", "apparent"),
    *("significant", "distinct", "real", "overt", "intense", "special", "evident", "facial", "outward"),
)
NAMES: Mapping[Cue, str] = {
    Cue.PERSON: "he she they man woman boy girl mother father first second",
    Cue.ANOTHER: "next~to~her next~to~him the~dog the~cat another most~people anyone anybody the~crowd the~audience "
    "the~viewer viewers others in~the~background behind~him behind~her behind~them people~around~him people~around~her "
    "people~around~them the~others others other~people another~person another~man another~woman the~other~man "
    "one~of~them one~of~the~two the~other~one the~first~one the~second~one "
    "the~other~woman the~other~person everyone~else someone~else bystanders the~interviewer "
    "周围的人 旁边的人 其他人 别人 观众 觀眾 对方 對方 "
    + " ".join(f"{whose}~{who}" for whose in ("his", "her", "their", "whose") for who in _RELATIVES)
    + " "
    + " ".join(f"{whose}{who}" for whose in ("他的", "她的", "他", "她") for who in _RELATIVES_IN_CHINESE),
    Cue.LESS: " ".join(
        f"{tries}~to~{what}"
        for tries in ("tries", "tried", "trying")
        for what in ("look", "appear", "seem", "sound", "be")
    ),
    Cue.ANY_EMOTION: "any~emotion any~emotions "
    + " ".join(f"any~{which}~{what}" for which in _VISIBLE for what in ("emotion", "emotions")),
}
"""The same for whom an answer is about, and for what a face may show."""
