"""The models, and the one thread that runs them: a request's clips are answered, and then they are gone."""

import asyncio
import contextvars
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from fastapi.concurrency import run_in_threadpool

from emolightning.data.media.faces import FacePolicy
from emolightning.errors import UserError, is_unicode, shown
from emolightning.records.inputs import MODALITIES
from emolightning.records.predictions import Prediction
from emolightning.serving.limits import MOST_CHARACTERS, Limits
from emolightning.serving.refusals import Refusal
from emolightning.serving.schema import Answer, ClipAnswers, Problem
from emolightning.serving.seen import seen_of
from emolightning.serving.served import EMOTION, REASON, Served
from emolightning.serving.uploads import Upload, keep_uploads, new_folder

Result = TypeVar("Result")


@dataclass(frozen=True)
class Ask:
    """What is asked about the clips of a request."""

    transcripts: tuple[str | None, ...]
    """What is said in each clip; None where nobody knows."""
    question: str | None = None
    """None asks as in training."""
    runs: tuple[str, ...] = ()
    """Models that are asked; none means the first."""
    modalities: tuple[str, ...] = MODALITIES
    task: str = EMOTION
    explains: bool = False
    """Whether the model is also asked for its reasons."""
    shows: bool = False
    """Whether pictures come with the answers."""
    files: tuple[tuple[str | None, BinaryIO], ...] = field(default=(), repr=False)
    """Name and content of each clip."""


class Service:
    """Trained models that answer one request at a time.

    Args:
        served: the models.
        limits: of requests.
        faces: whose face pictures show.
    """

    def __init__(self, served: Sequence[Served], limits: Limits, *, faces: FacePolicy):
        self.served = {each.name: each for each in served}
        self.limits, self.faces = limits, faces
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")

    def close(self) -> None:
        """End the thread, after what it does."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def answer(self, ask: Ask) -> list[ClipAnswers]:
        """What each asked model says about each clip.

        Raises:
            Refusal: the request asks for what cannot be, or its answer takes too long.
        """
        self._check(ask)
        uploads, folder = await self._kept(ask.files)
        return await self._in_turn(lambda: self._answers(ask, uploads), folder.cleanup)

    async def of_clip(self, file: tuple[str | None, BinaryIO], work: Callable[[Path], Result]) -> Result:
        """What the model's thread finds out about one clip.

        Raises:
            Refusal: the clip cannot be used, or it takes too long.
        """
        (upload,), folder = await self._kept((file,))

        def done() -> Result:
            if upload.problem is not None:
                raise Refusal(422, f"{upload.name}: {upload.problem}")
            return work(upload.path)

        return await self._in_turn(done, folder.cleanup)

    async def _kept(
        self, files: Sequence[tuple[str | None, BinaryIO]]
    ) -> "tuple[list[Upload], tempfile.TemporaryDirectory[str]]":
        """The clips of a request, in a folder of their own."""
        folder = new_folder()
        try:
            seconds = self.limits.max_clip_seconds
            return await run_in_threadpool(keep_uploads, files, Path(folder.name), max_seconds=seconds), folder
        except BaseException:
            folder.cleanup()
            raise

    async def _in_turn(self, work: Callable[[], Result], clean_up: Callable[[], None]) -> Result:
        """Have the model's thread do something, and clean up after it, also where nobody waits for it any more."""
        context = contextvars.copy_context()
        future: Future[Result] = self._thread.submit(context.run, _without_words, work)
        future.add_done_callback(lambda _: clean_up())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.limits.timeout_seconds)
        except TimeoutError:
            raise Refusal(504, f"there was no answer within {self.limits.timeout_seconds:g} s; try again") from None

    def _check(self, ask: Ask) -> None:
        if not ask.files:
            raise Refusal(422, "media: is missing; send a video or sound file")
        if len(ask.files) > self.limits.max_clips:
            raise Refusal(422, f"media: {len(ask.files)} clips, at most {self.limits.max_clips} are taken at once")
        for name, text in [("question", ask.question), *(("transcript", text) for text in ask.transcripts)]:
            if text is not None and len(text) > MOST_CHARACTERS:
                raise Refusal(422, f"{name}: has {len(text)} characters, at most {MOST_CHARACTERS} are taken")
            if text is not None and not is_unicode(text):
                raise Refusal(422, f"{name}: has half a character, which no text has; write it anew")
        for kind, given, allowed in (
            ("runs", ask.runs, list(self.served)),
            ("modalities", ask.modalities, list(MODALITIES)),
        ):
            unknown = [shown(name) for name in given if name not in allowed]
            if unknown:
                raise Refusal(422, f"{kind}: {unknown[0]!r} is not one of {', '.join(allowed)}")
        if not ask.modalities:
            raise Refusal(422, f"modalities: none is left; choose from {', '.join(MODALITIES)}")

    def _answers(self, ask: Ask, uploads: Sequence[Upload]) -> list[ClipAnswers]:
        """Answer a request, in the model's thread."""
        results = [ClipAnswers(clip=upload.name, answers=[], problems=[]) for upload in uploads]
        usable = [number for number, upload in enumerate(uploads) if upload.problem is None]
        for number in set(range(len(uploads))) - set(usable):
            results[number].problems.append(
                Problem(run=None, kind="unusable clip", reason=uploads[number].problem or "")
            )
        clips = [uploads[number].clip(ask.transcripts[number]) for number in usable]
        asked = [self.served[name] for name in dict.fromkeys(ask.runs)] or [next(iter(self.served.values()))]
        for each in asked if clips else ():
            for number, outcome in zip(usable, self._ask_model(each, ask, clips), strict=True):
                path, name = str(uploads[number].path), uploads[number].name
                if isinstance(outcome, Answer):
                    inputs = {key: said.replace(path, name) for key, said in outcome.inputs.items()}
                    results[number].answers.append(outcome.model_copy(update={"inputs": inputs}))
                else:
                    reason = outcome.reason.replace(path, name)
                    results[number].problems.append(outcome.model_copy(update={"reason": reason}))
        if ask.shows:
            for number, clip in zip(usable, clips, strict=True):
                results[number].seen = seen_of(clip, asked[0].choice, self.faces)
        return results

    def _ask_model(self, each: Served, ask: Ask, clips: Sequence[Any]) -> list[Answer | Problem]:
        """The outcome of each clip for one model."""
        try:
            model = each.model if set(ask.modalities) == set(MODALITIES) else each.model.seeing(ask.modalities)
            outcomes = model.predict(clips, question=ask.question, task=ask.task)
            reasons = model.predict(clips, task=REASON) if ask.explains else outcomes
        except UserError as error:
            return [Problem(run=each.name, kind="setting", reason=str(error)) for _ in clips]
        found: list[Answer | Problem] = []
        for outcome, reason in zip(outcomes, reasons, strict=True):
            if not isinstance(outcome, Prediction):
                found.append(Problem(run=each.name, kind=outcome.kind, reason=outcome.reason))
                continue
            explanation = None
            if ask.explains:
                explanation = reason.text if isinstance(reason, Prediction) else f"(none: {reason.reason})"
            content = {name: value for name, value in outcome.content().items() if name != "id"}
            found.append(Answer(run=each.name, explanation=explanation, **content))
        return found


def _without_words(work: Callable[[], Result]) -> Result:
    """Do it; an error that nobody foresaw is logged by its place alone, for its message may hold what was said."""
    try:
        return work()
    except Refusal:
        raise
    except Exception as error:
        places = "".join(traceback.format_tb(error.__traceback__))
        print(f"error: {type(error).__name__}\n{places}", file=sys.stderr, flush=True)
        raise Refusal(500, f"the server failed ({type(error).__name__}); its log says where") from None
