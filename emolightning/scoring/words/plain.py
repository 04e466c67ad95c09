"""Whether an answer states an emotion plainly: only clauses of known frames do, and only of words that are known.

A clause is a row of letters (`roles.py`), and a frame a pattern over them: `the man is very sad` is `piL`.
"""

import re
from collections.abc import Sequence

from emolightning.scoring.words.cues import Cue
from emolightning.scoring.words.items import Item
from emolightning.scoring.words.lexicon import FAMILIES
from emolightning.scoring.words.sentence import FARTHEST

IN_TABLES = frozenset(word for _, lines in FAMILIES for line in lines for word in line)
KNOWS = frozenset("rxiIhv")
"""Roles of words without which a sentence is in a language that has no tables."""

LONGEST = 60
"""Letters of a clause that is looked at."""

REST = "[weckpoWn&xCD]*"
"""What may come after the head of a subject: `the man in the red shirt`."""

CALM = '[^!?"abuzqIAN]*'
"""Words none of which unsettles what is said."""

PERSON = rf"(?:(?:O{REST}|[oW][ecpkn&xCD]*)?r|[weoWOcn&x]*[pec]{REST})"
THING = rf'(?:(?:[oWO]{REST})?x|t|[weoWcnDC&,x]*k[^!?"abmuz,]*|w?X[rIpxwekcWivhgLmE!Ds]*[ivhsEV][rIpxwekcWivhgLmE!Ds]*)'
SUBJECT = rf"(?:{PERSON}|{THING})"
MATRIX = r'(?:Iit|[IO][iu]?o?[Ckvj]t?|x?i?j(?:o[weopkcn&]*)?t?|xi[iC]?t|xiCt?|[^!?"abuzqItAN:;hj]*[hj]t?)'
MODIFIERS = r"(?:[gkeoDCWxrp]|no|oe*[wL][wLe]*o|!?Lo|!?[wLn]+[,&b!T]+)*"
LINK = "(?:!h|m?i|m[gE])[giE]*"
AS = "(?:uE?|m?i*)g*J"

STATED = re.compile(
    rf"(?:{MATRIX}){{0,3}}(?:{PERSON}|{THING}u?)(?:{LINK}|{AS}){MODIFIERS}"
    rf"|[oxecwk]*[hi]pR{LINK}{MODIFIERS}"
    rf"|(?:{MATRIX}){{0,3}}{SUBJECT}[weckp&r]*s[weckpoWrg&]*W{MODIFIERS}"
    rf"|{PERSON}[wsig]*o[we]?Le?o[eo]*"
    rf"|[weoWn&]*e[weo&i]*(?:W|[v\"]t?){MODIFIERS}"
    rf"|{CALM}(?<!wo)!?h[tq]?(?:{SUBJECT})?{MODIFIERS}"
    rf"|(?:(?:{MATRIX}){{0,3}}|[wecoWOkv]*)(?:I[iu]?o?[vkj]|xiCv)[weckpxorWt]*{MODIFIERS}"
    rf'|[^!?"abmu]*M{MODIFIERS}'
    rf"|(?:X[ih])?[weo]*L[weo]*i{MODIFIERS}"
)
"""What is before the emotion in its clause."""

GOES_ON = re.compile(rf"R?(?:{LINK}|{AS}|h){MODIFIERS}")
"""The same where the subject is that of the clause before: `and looks sad`."""

BEGUN = re.compile(rf"(?:{MATRIX}){{0,3}}{SUBJECT}")
FRAGMENT = re.compile("(?:!L[obT&,])?(?:[wL]+[&,])*[okDCgeWVcxp]*|w?k")
LATER = re.compile("(?:w?[ke]o|[kDCe])*")
FOREIGN = re.compile(f"(?:.*(?:Lw?!|Iv))?{CALM}")
ACTION = re.compile(rf"(?:{MATRIX}){{0,3}}{SUBJECT}[^!?bmutqIA]*")
"""What is before an emotion that says how something is done: `she asks him angrily`, `in an angry voice`."""

ALONE = re.compile(
    r"(?:[pekcr]*(?:&[wL]+)*)?(?:$|[,:;bBTYL]|O|I?[vk]|xi$|[oWN][^ihmugV!?\"]*(?:$|[,:;bY]))"
    r"|(?:[oW][weckpn]*|[ekc])?(?:u?i+g*(?:w?[DC]*k(?!t[wa])|[CVhJjs]|D(?![wL\"]))|V|hJ|iX[rIx]?[iv])"
)
"""What is after an emotion with which a clause begins."""

VERDICT = re.compile("(?:u?i)+[DC]*k(?:$|[,:;bBoO])")
"""The same, whatever is before it: `sad is the best choice`."""

UNSETTLING = re.compile('[Q?!"qwOF]|^&$')
UNSETTLED = re.compile(
    r".*Q|O(?:$|[,:;bB&])|[^b;YB]*\?|[^:]*[,b][^LYI:,]+!$|(?:.*,|:)?[wrpIae]*\"+[wrpea]*$|.*,[rp]w$|[ek]?[,:i]*!:?$|[^,:b;]*q"
    '|&$|,"!|(?:W[wecpk]*|[ecpk]+)?[iu]*F|[,:]?b?[xt][iu]*F'
)
"""What is after an emotion that takes it back."""

APART = re.compile(",[iqum]+g*!")
"""The same after an emotion between commas: `my first idea, sad, was wrong`."""

VERBS = 'himJWov"MI'
"""Roles of which a frame has one: no clause without them states an emotion."""

GOVERNED = re.compile("wo[iE][^,:;bB&Y]*$")
INFINITIVES = frozenset(("look", "appear", "seem", "sound", "feel", "become", "be", "smile", "show"))

IMPERSONAL = re.compile("(?:^|[,:;bB&])[xt][ig]*$")
NOUNS = tuple("wz")
"""What follows the emotion of no person: `it was a sad day`."""

CLAUSES = re.compile("[,:;bB&Y]")
ADDED = re.compile("(?<![,&b]);|[+]")
"""The `so` of `so happy`, and `yes`."""

STRONG = re.compile("[:;bB]")
SUPPOSES = re.compile('A[^,]*["az]|^[^Y]*[?]|(?<!I)i!,')
SUPPOSING = re.compile("[A?]|i!,")
SAID = '":'


def is_plain(items: Sequence[Item], place: int) -> bool:
    """Whether the emotion at a place of a sentence is stated by its clause."""
    before = "".join([item.role for item in items[max(0, place - FARTHEST) : place]])
    if "+" in before or ";" in before:
        before = ADDED.sub("", before)
    after = "".join([item.role for item in items[place + 1 : place + FARTHEST]]).replace("+", "")
    if (
        (UNSETTLING.search(after) and UNSETTLED.match(after))
        or (before[-1:] == "," and APART.match(after))
        or (after[:1] in NOUNS and IMPERSONAL.search(before))
    ):
        return False
    if (after[:1] == "p" and before.endswith("W")) or (GOVERNED.search(before) and _is_governed(items, place)):
        return False
    word = items[place].word
    if (before, after) == ("Ii", "") and items[0].cue is Cue.WORD:  # An answer in the first person, and no quotation.
        return True
    if word not in IN_TABLES and not items[place].is_misspelt and KNOWS.isdisjoint(before + after):
        return True
    starts = [0, *(match.end() for match in CLAUSES.finditer(before))]
    is_manner = word.endswith("ly") or not word.isascii() or (after[:1] == "e" and before.rstrip("DCe").endswith("W"))
    if _is_framed(before, starts, is_manner=is_manner):
        return True
    begins = max(start for start in starts if before[start - 1 : start] != "&")
    clause = before[begins:]
    is_later = before[begins - 1 : begins] in (",", ";")
    is_verdict = VERDICT.match(after)
    if not _is_begun(before, begins) or ('"' in (before if is_later else clause) and not is_verdict):
        return False
    if not word.isascii():
        return FOREIGN.fullmatch(clause) is not None
    return (LATER if is_later else FRAGMENT).fullmatch(clause) is not None and bool(ALONE.match(after))


def _is_governed(items: Sequence[Item], place: int) -> bool:
    """Whether an unknown word decides on a verb with `to`: `he fails to look happy`."""
    row = [item for item in items[max(0, place - 9) : place] if item.role]
    return any(
        one.role == "w" and to.word == "to" and verb.word in INFINITIVES
        for one, to, verb in zip(row, row[1:], row[2:], strict=False)
    )


def _is_framed(before: str, starts: Sequence[int], *, is_manner: bool) -> bool:
    """Whether from one of these starts on a clause leads to the emotion after it."""
    last_verb = len(before) if is_manner else max(map(before.rfind, VERBS))
    tried, has_subject = 0, False
    for number, start in enumerate(starts):
        if start > last_verb:
            break
        if start < len(before) - LONGEST or not _is_begun(before, start):
            continue
        clause = before[start:]
        if STATED.fullmatch(clause) or (is_manner and ACTION.fullmatch(clause)):
            return True
        if GOES_ON.fullmatch(clause):
            has_subject = has_subject or any(BEGUN.match(before, at) for at in starts[tried:number])
            tried = number
            if has_subject or not start:
                return True
    return False


def _is_begun(before: str, start: int) -> bool:
    """Whether no clause before a comma says that this one is a quotation or a condition."""
    earlier = before[:start]
    return not earlier.endswith(SAID) and not (SUPPOSING.search(earlier) and SUPPOSES.search(STRONG.split(earlier)[-1]))
