"""`scoring=open_vocabulary`: answers with any number of emotion words, compared with sets of true words.

Side by side: words as they are; words merged by synonym groups (MER2024-OV); words mapped to sectors of emotion wheels
(OV-MER, MER-UniBench, MER2025, MER2026), with HIT where every clip has one true word. Values by different wheels or
groups do not compare: definitions name the wheels, and the section `open_vocabulary` has hashes of both.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Answer, Clip, Score
from emolightning.records.report import Report, Summary
from emolightning.scoring.metrics.label_lists import UNBALANCED, list_fault, quoted, separated
from emolightning.scoring.metrics.synonym_groups import Groups, SynonymJudge, read_groups
from emolightning.scoring.metrics.wheel_files import EMBEDDED, read_wheels
from emolightning.scoring.metrics.wheels import LEVELS, EmotionWheels, words_in_text
from emolightning.scoring.open_vocabulary_measures import (
    LabelSets,
    Measures,
    clips_counted,
    measure,
    names_of,
    per_wheel,
    score_values,
    scores_with_intervals,
)
from emolightning.scoring.sampling import BY_CLIP, Sampling, sampling_section
from emolightning.scoring.scoring import headed, require_one_each, why_missing

EMPTY, NO_WORD = "empty answer", "no known emotion word in answer"
SHOWN = 20
"""Unknown words and clip ids that a report lists; the rest are counted."""

TEXT_NOTE = (
    "free text: every word of the wheels' vocabulary that occurs in it, negated ones included; the official "
    "evaluations let a language model read the text"
)
LIST_NOTE = "written lists"
A_LIST = "write a list, e.g. ['happy', 'excited'], or one label without brackets"
NO_TRUE_WORD = f"no clip has any true emotion word; for each clip {A_LIST}"


@dataclass(frozen=True, slots=True)
class _Labels:
    """The words of one text, in the readings of the two official scripts; mostly these are the same."""

    quoted: tuple[str, ...]
    separated: tuple[str, ...]


def _labels(quoted_words: Sequence[str], separated_words: Sequence[str]) -> _Labels:
    words = tuple(separated_words)
    other = tuple(quoted_words)
    return _Labels(words if other == words else other, words)


class OpenVocabulary:
    """Sets of emotion words against sets of emotion words.

    Args:
        wheels: `embedded`, or the folder with the official files.
        wheel_levels: rings of the wheels to score on: 1, 2 or both.
        synonym_groups: file or folder with the groups of each clip, or what makes them; None leaves that protocol out.
        answers: `lists` are read as lists of words; in `text` all words that the wheels know are found.
        max_labels: words of an answer that count, from the first; None is all of them.

    Raises:
        UserError: wheels or groups that are missing or cannot be read.
    """

    def __init__(
        self,
        *,
        wheels: str = "embedded",
        wheel_levels: Sequence[int] = LEVELS,
        synonym_groups: str | SynonymJudge | None = None,
        answers: Literal["lists", "text"] = "lists",
        max_labels: int | None = None,
    ):
        if not wheel_levels or any(level not in LEVELS for level in wheel_levels):
            raise UserError(f"scoring.wheel_levels: {list(wheel_levels)} must be [1], [2] or [1,2]")
        if max_labels is not None and max_labels < 1:
            raise UserError(f"scoring.max_labels: must be 1 or more, or null, not {max_labels}")
        self.wheels = read_wheels(wheels)
        self.levels = tuple(sorted(set(wheel_levels)))
        self.answers = answers
        self.max_labels = max_labels
        self.judge = None if isinstance(synonym_groups, str | None) else synonym_groups
        self.reader = None
        self.names = names_of(self.levels, has_groups=synonym_groups is not None)
        self.groups_source, self.groups_sha256 = None, None
        self.groups: dict[str, Groups] | None = None
        if isinstance(synonym_groups, str):
            self.groups_source = Path(synonym_groups).name
            self.groups, self.groups_sha256 = read_groups(Path(synonym_groups))

    def truth(self, clip: Clip) -> str | None:
        """The clip's open labels as a written list, else its label."""
        return clip.label if clip.open_labels is None else str(list(clip.open_labels))

    def require_truths(self, truths: Iterable[str]) -> None:
        """Refuse lists that begin and do not end, and truths without a single word.

        Raises:
            InputErrors: quotes them.
        """
        written = list(truths)
        broken = [text for text in written if list_fault(text) == UNBALANCED]
        problems = [f"{text!r} has a square bracket without a partner; {A_LIST}" for text in dict.fromkeys(broken)]
        if problems or not any(separated(text) for text in written):
            raise InputErrors("true labels", problems or [NO_TRUE_WORD])

    def score(self, answer: Answer) -> Score:
        """The words of one answer as a written list, or the reason there are none."""
        found = self._read_answer(answer.text)
        words = (found.quoted, found.separated)
        if found.separated:
            return Score(answer.clip_id, str(list(found.separated)), None, answer.text, words=words)
        is_unread = self.answers == "text" and answer.text.strip()
        reason = why_missing(answer) if answer.is_missing else NO_WORD if is_unread else EMPTY
        return Score(answer.clip_id, None, reason, answer.text, words=words)

    def summary(self, answers: Sequence[Answer], scores: Sequence[Score]) -> Summary:
        """Each score, over all clips that have a true word."""
        if not any(separated(answer.truth or "") for answer in answers):
            return Summary()
        truths, answered = _read_truths(answers), _labels_of(scores)
        return Summary(score_values(self._measures(answers, truths, answered)[0]))

    def report(
        self,
        answers: Sequence[Answer],
        scores: Sequence[Score],
        *,
        benchmark: str,
        split: str,
        sampling: Sampling = BY_CLIP,
    ) -> Report:
        """Scores with intervals over clips, and what they rest on.

        Raises:
            ValueError: no answers, or a clip twice.
            InputErrors: truths that are no list of words.
        """
        require_one_each(answers)
        truths, answered = _read_truths(answers), _labels_of(scores)
        measures, groups = self._measures(answers, truths, answered)
        metrics = scores_with_intervals(
            measures, sampling.resampling(answers), wheels=self.wheels.version.name, method=sampling.bootstrap()
        )
        return Report(
            **headed(answers, scores, benchmark=benchmark, split=split),
            metrics=metrics,
            sampling=sampling_section(metrics, sampling.describe(answers)),
            open_vocabulary={
                "wheels": self._describe_wheels(),
                "answers": TEXT_NOTE if self.answers == "text" else LIST_NOTE,
                "max_labels": self.max_labels,
                "clips_without_truth": _listed(
                    [answer.clip_id for answer, labels in zip(answers, truths, strict=True) if not labels.separated]
                ),
                "clips_counted": clips_counted(measures),
                "per_wheel": per_wheel(measures),
                "labels": {
                    "truth": _count_words(truths, self.wheels),
                    "answers": _count_words(answered, self.wheels),
                },
                "list_faults": _list_faults(answers) if self.answers == "lists" else {},
                "synonym_groups": None if groups is None else self._describe_groups(answers, groups),
            },
        )

    def measures(self, answers: Sequence[Answer], scores: Sequence[Score]) -> Measures:
        """What is averaged over clips, in the order of the answers."""
        return self._measures(answers, _read_truths(answers), _labels_of(scores))[0]

    def cures(self) -> Sequence[str]:
        """Another form of answers, and other words."""
        other = "text" if self.answers == "lists" else "lists"
        return [f"scoring.answers={other}", "scoring.wheels=FOLDER with other emotion words"]

    def _measures(
        self, answers: Sequence[Answer], truths: Sequence[_Labels], answered: Sequence[_Labels]
    ) -> tuple[Measures, Mapping[str, Groups] | None]:
        """What is averaged over clips, and the synonym groups that it rests on."""
        groups = self._groups_of(answers, truths, answered)
        return measure(_sets(answers, truths, answered, groups), self.wheels, self.levels), groups

    def _read_answer(self, text: str) -> _Labels:
        if self.answers == "text":
            words = words_in_text(text, self.wheels)
            labels = _labels(words, words)
        else:
            labels = _labels(quoted(text), separated(text))
        if self.max_labels is None:
            return labels
        return _labels(labels.quoted[: self.max_labels], labels.separated[: self.max_labels])

    def _groups_of(
        self, answers: Sequence[Answer], truths: Sequence[_Labels], answered: Sequence[_Labels]
    ) -> Mapping[str, Groups] | None:
        if self.judge is None:
            if self.groups is not None and self.groups.keys().isdisjoint(answer.clip_id for answer in answers):
                ids = f"they are of {next(iter(self.groups))!r}, ..., not of {answers[0].clip_id!r}, ..."
                raise UserError(f"synonym_groups: {self.groups_source} has groups for none of the clips; {ids}")
            return self.groups
        words = {
            answer.clip_id: sorted({*truth.quoted, *labels.quoted})
            for answer, truth, labels in zip(answers, truths, answered, strict=True)
        }
        return self.judge.groups(words)

    def _describe_wheels(self) -> dict[str, Any]:
        version = self.wheels.version
        is_sector = any(self.wheels.sector("neutral", wheel, 1) for wheel in range(len(self.wheels.wheels)))
        return {
            "name": version.name,
            "year": version.year,
            "sha256": version.sha256,
            "files": dict(version.files),
            "sizes": self.wheels.sizes(),
            "neutral": "a sector of its own"
            if is_sector
            else "in no wheel: as a truth it is left out, as an answer free",
            "comparable_with": "nothing published" if version.name == EMBEDDED else "values of the same wheels",
        }

    def _describe_groups(self, answers: Sequence[Answer], groups: Mapping[str, Groups]) -> dict[str, Any]:
        ids = {answer.clip_id for answer in answers}
        with_groups = ids & groups.keys()
        return {
            "source": self.groups_source if self.judge is None else self.judge.describe(),
            "sha256": self.groups_sha256,
            "num_clips": len(with_groups),
            "clips_without_groups": _listed(sorted(ids - with_groups)),
            "groups_of_other_clips": _listed(sorted(groups.keys() - ids)),
        }


def _read_truths(answers: Sequence[Answer]) -> list[_Labels]:
    """The true words of each clip; none for a clip without truth, which then counts nowhere."""
    texts = [answer.truth or "" for answer in answers]
    problems = [
        f"clip {answer.clip_id}: {text!r} has a square bracket without a partner; {A_LIST}"
        for answer, text in zip(answers, texts, strict=True)
        if list_fault(text) == UNBALANCED
    ]
    truths = [_labels(quoted(text), separated(text)) for text in texts]
    if not problems and not any(labels.separated for labels in truths):
        problems.append(NO_TRUE_WORD)
    if problems:
        raise InputErrors("true labels", problems)
    return truths


def _labels_of(scores: Sequence[Score]) -> list[_Labels]:
    return [_Labels(quoted_words, words) for quoted_words, words in (score.words for score in scores)]


def _sets(
    answers: Sequence[Answer],
    truths: Sequence[_Labels],
    answered: Sequence[_Labels],
    groups: Mapping[str, Groups] | None,
) -> LabelSets:
    return LabelSets(
        true_quoted=[labels.quoted for labels in truths],
        true_separated=[labels.separated for labels in truths],
        answered_quoted=[labels.quoted for labels in answered],
        answered_separated=[labels.separated for labels in answered],
        groups=None if groups is None else [groups.get(answer.clip_id) for answer in answers],
    )


def _count_words(labels: Sequence[_Labels], wheels: EmotionWheels) -> dict[str, Any]:
    """How many words there are, and which of them the wheels do not know: these are dropped."""
    words = Counter(word for one in labels for word in one.separated)
    unknown = Counter({word: count for word, count in words.items() if not wheels.bases.get(word)})
    return {
        "num_labels": words.total(),
        "mean_per_clip": words.total() / len(labels),
        "num_different": len(words),
        "num_unknown": unknown.total(),
        "num_different_unknown": len(unknown),
        # Ties in alphabetical order, so that the same answers give the same file.
        "most_frequent_unknown": dict(sorted(unknown.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]),
    }


def _list_faults(answers: Sequence[Answer]) -> dict[str, Any]:
    """Answers that are no sound list; they are read as the official scripts read them."""
    clips: dict[str, list[str]] = {}
    for answer in answers:
        fault = list_fault(answer.text) if answer.text.strip() else None
        if fault:
            clips.setdefault(fault, []).append(answer.clip_id)
    return {fault: _listed(ids) for fault, ids in clips.items()}


def _listed(ids: Sequence[str]) -> dict[str, Any]:
    return {"count": len(ids), "first": list(ids[:SHOWN])}
