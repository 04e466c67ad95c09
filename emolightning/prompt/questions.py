"""What is asked about a clip, and which text answers it."""

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from emolightning.errors import UserError
from emolightning.prompt.own_questions import SETTING, own_questions
from emolightning.records.clips import Clip
from emolightning.records.score_names import DIMENSIONS, number_scale

FIXED = "fixed"
"""The `prompt.pool` of which training draws no sentence."""

SEVERAL = "multi-label"
"""The task whose answers are any number of labels."""

PREFERENCE = "preference"
"""The task that asks which of two descriptions of a clip is the better one."""

QUOTED = {PREFERENCE: ("a1", "a2")}
"""Task -> the texts of a clip that its question quotes."""

SCALE = "prompt.scale"
NO_SCALE = "none"
"""The `prompt.scale` of questions that name none, whatever is known."""

PLACES = ("{low}", "{high}")

OF_SCALE = " from {low} to {high}"
"""What general questions say of a scale, where it is known."""

GENERAL = {
    "valence": f"How negative or positive does the person in the video feel? Answer with one number{OF_SCALE} and "
    "nothing else.",
    "arousal": f"How calm or excited is the person in the video? Answer with one number{OF_SCALE} and nothing else.",
    SEVERAL: "Which emotions does the person in the video show? Answer with all of these words that fit, separated by "
    "commas: {labels}.",
    PREFERENCE: 'We provide two descriptions for a given input: a1: "{a1}". a2: "{a2}". Please determinate which one '
    "is better aligned with the input content. If both of them equally align with the input content, please output "
    "'same'. Therefore, the output should be a1, a2, or same. Please direct output the answer without additional "
    "reasoning process.",
}
"""Task -> its question, for every family that answers in words; of none of their upstreams. The last one is
EmoPrefer's, word for word."""


class Question(NamedTuple):
    """What is asked about one clip."""

    task: str
    """Upstream's tag of the question, e.g. `emotion`."""
    instruction: str


@dataclass(frozen=True)
class Questions:
    """The questions of a run."""

    pools: Mapping[str, Sequence[str]]
    """Task -> its sentences, labels filled in; evaluations ask the first."""
    task: str
    """What evaluations ask."""
    tasks: Mapping[str, float]
    """Task -> weight, drawn for each clip and epoch of training."""
    offered: tuple[str, ...]
    """The labels that the question offers, in this order."""
    draws: bool = False
    """Whether training draws a sentence of the pool for each clip and epoch; False asks the first."""
    seed: int = 42
    """Seed of these draws."""
    of_corpora: "Mapping[str, Questions]" = field(default_factory=dict)
    """Corpus -> what is asked about its clips; empty where all clips are asked the same."""

    def of(self, clip: Clip) -> "Questions":
        """Those that are asked about a clip."""
        return self.of_corpora.get(clip.corpus, self)

    def asked(self, *, training: bool) -> Mapping[str, float]:
        """Task -> weight."""
        return self.tasks if training else {self.task: 1.0}

    def instructions(self, task: str, clip: Clip, *, training: bool) -> Sequence[str]:
        """The sentences that may be put about a clip for a task."""
        pool = self.pools[task] if training and self.draws else self.pools[task][:1]
        return [with_quotes(text, clip.quoted) for text in pool] if clip.quoted else pool

    def ask(self, clip: Clip, *, epoch: int, training: bool) -> Question:
        """The question put about a clip, by (seed, epoch, clip id) only: the same on any rank and after a resume."""
        if (own := self.of(clip)) is not self:
            return own.ask(clip, epoch=epoch, training=training)
        tasks = self.asked(training=training)
        task = next(iter(tasks))
        if len(tasks) > 1:
            task = choose_task(tasks, seed=self.seed, epoch=epoch, clip_id=clip.id)
        pool = self.instructions(task, clip, training=training)
        if len(pool) == 1:
            return Question(task, pool[0])
        return Question(task, choose_instruction(pool, seed=self.seed, epoch=epoch, clip_id=clip.id))

    def require_quotes(self, clips: Sequence[Clip], *, training: bool, said_by: str) -> None:
        """Clips have the texts that questions quote, and questions quote the texts that clips have.

        Args:
            clips: all that may be asked about.
            training: whether the questions of training are put as well.
            said_by: what chose the clips, for the message.

        Raises:
            UserError: the first task for which it is not so.
        """
        for corpus, own in self.of_corpora.items():
            of_one, said = [clip for clip in clips if clip.corpus == corpus], f"{said_by}, corpus {corpus}"
            own.require_quotes(of_one, training=training, said_by=said)
        if self.of_corpora:
            return
        tasks = list(dict.fromkeys([*self.asked(training=training), self.task]))
        for names in {frozenset(clip.quoted) for clip in clips}:
            if wrong := next((task for task in tasks if frozenset(QUOTED.get(task, ())) != names), None):
                needs = "its clips are to be asked which of two descriptions is better; say prompt.task=preference, and"
                without = "asks which of two descriptions is better, and these clips have none; say data=emoprefer, or"
                cure = f"{needs} scoring=preference" if names else f"{without} another task"
                raise UserError(f"{said_by}, prompt.task={wrong}: {cure}")

    def without_answer(self, clip: Clip) -> list[str]:
        """The tasks that a clip's split needs an answer for, to learn or to compare with, and that it has none for."""
        own = self.of(clip)
        asked = {"train": own.asked(training=True), "val": own.asked(training=False)}
        return [task for task in asked.get(str(clip.split), ()) if not target_text(clip, task)]


def questions_of(
    prompt: Mapping[str, Any],
    offered: Sequence[str],
    sentences: Callable[[str], Sequence[str]],
    *,
    known: Collection[str],
    seed: int,
    kind: type[Questions] = Questions,
) -> Questions:
    """The questions of a run: those that it brings, then those of its family, then the general ones.

    Args:
        prompt: the settings of that name; `scale` is what `{low}` and `{high}` are.
        offered: labels of the question.
        sentences: task of the family -> its sentences.
        known: these tasks.
        seed: see Questions.
        kind: Questions, or what a family makes of them.

    Raises:
        UserError: a task that has no question, questions of the run's own that are none, or that name a scale which
            nobody says.
    """
    task, own = prompt["task"], own_questions(prompt.get("questions"))
    tasks_of_model = dict.fromkeys([*known, *GENERAL])
    if strange := [name for name in own if name not in tasks_of_model]:
        raise UserError(f"{SETTING}: {strange[0]!r} is no task of this model; it has {', '.join(tasks_of_model)}")
    tasks = {name: weight for name, weight in (prompt.get("tasks") or {}).items() if weight} or {task: 1.0}

    given = prompt.get("scale")
    scale = number_scale(None if given == NO_SCALE else given, SCALE)

    def pool(name: str) -> Sequence[str]:
        if name in own:
            return tuple(with_scale(with_labels(text, offered), scale) for text in own[name])
        if name not in GENERAL or name in known:
            return sentences(name)
        text = GENERAL[name] if scale else GENERAL[name].replace(OF_SCALE, "")
        return (with_scale(with_labels(text, offered), scale),)

    pools = {name: pool(name) for name in {**tasks, task: 1.0}}
    return kind(pools, task, tasks, tuple(offered), draws=prompt.get("pool", FIXED) != FIXED, seed=seed)


def with_labels(question: str, labels: Sequence[str]) -> str:
    """A question with the labels in the place of `{labels}`; other braces stay as they are."""
    return question.replace("{labels}", ", ".join(labels))


def with_scale(question: str, scale: tuple[float, float] | None) -> str:
    """A question with the lowest and the highest number in the places of `{low}` and `{high}`.

    >>> with_scale("From {low} to {high}?", (-1.0, 2.5))
    'From -1 to 2.5?'

    Raises:
        UserError: it has such a place, and there is no scale.
    """
    if scale is None and any(place in question for place in PLACES):
        raise UserError(
            f"{SETTING}: {question!r} names a scale, and nothing says what it is; say {SCALE}=data for that of the "
            f"data (data.scale=[LOW,HIGH] with data=custom), or {SCALE}=[LOW,HIGH]"
        )
    for place, number in zip(PLACES, scale or (), strict=False):
        question = question.replace(place, f"{number:g}")
    return question


def with_quotes(question: str, quoted: Mapping[str, str]) -> str:
    """A question with the texts of a clip in their places; what looks like a place inside of a text stays as it is.

    >>> with_quotes("{a1} or {a2}?", {"a1": "{a2}", "a2": "sad"})
    '{a2} or sad?'
    """
    return re.sub(r"\{(\w+)\}", lambda place: quoted.get(place[1], place[0]), question)


def with_general(tasks: Sequence[str]) -> tuple[str, ...]:
    """The tasks of a family, and the general ones that it has no sentences for."""
    return tuple(dict.fromkeys([*tasks, *GENERAL]))


def target_text(clip: Clip, task: str) -> str | None:
    """The answer to learn: the label; for `reason` the explanation, for `reason_v2` the detailed one if any.

    Valence and arousal are numbers with two decimals; several labels have commas between them. A clip may have texts of
    its own for these and for other tasks; for those it has no other answer.
    """
    if task in clip.answers:
        return clip.answers[task]
    if clip.answers:
        return None
    if task == "reason_v2":
        return clip.detailed_reason or clip.reason
    if task in DIMENSIONS:
        number = getattr(clip, task)
        return None if number is None else written(number)
    if task == SEVERAL:
        return ", ".join(clip.open_labels or ([clip.label] if clip.label else [])) or None
    return clip.reason if task == "reason" else clip.label


def written(number: float) -> str:
    """A number as an answer says it.

    >>> written(-0.354), written(-0.001), written(4)
    ('-0.35', '0.00', '4.00')
    """
    return f"{round(number, 2) + 0.0:.2f}"


def choose_task(tasks: Mapping[str, float], *, seed: int, epoch: int, clip_id: str) -> str:
    """One task by weight, by (seed, epoch, clip id) only, like the instruction.

    >>> {choose_task({"emotion": 3, "reason": 1}, seed=0, epoch=e, clip_id="a") for e in range(20)} == {
    ...     "emotion", "reason"}
    True
    """
    digest = hashlib.sha256(f"task/{seed}/{epoch}/{clip_id}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64 * sum(tasks.values())
    for task, weight in tasks.items():
        place -= weight
        if place < 0:
            return task
    return task  # what rounding left over


def choose_instruction(pool: Sequence[str], *, seed: int, epoch: int, clip_id: str) -> str:
    """One sentence of the pool, by (seed, epoch, clip id) only: the same on any rank and after a resume."""
    digest = hashlib.sha256(f"{seed}/{epoch}/{clip_id}".encode()).digest()
    return pool[int.from_bytes(digest[:8], "big") % len(pool)]
