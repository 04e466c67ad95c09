"""Many questions to a language model: from the cache where they were answered before, else from the server.

Several at a time, paced, asked again where no readable reply came. Each reply is kept the moment it is read, so that a
run which is interrupted, or whose server dies, goes on from there.
"""

import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any

from emolightning.errors import UserError
from emolightning.prompt.asking.cache import ReplyCache, content_key
from emolightning.prompt.asking.client import NO_CONNECTION, CallFailed, ChatClient, Message
from emolightning.prompt.asking.replies import Reading, Unusable

log = logging.getLogger(__name__)


class Stopped(Exception):
    """The run ends: nothing more is to be asked."""


class Pacer:
    """Lets requests of several threads through one after the other.

    Args:
        per_minute: requests; None is no limit.
        stop: set when the run ends.
        clock: seconds, monotonic.
        sleep: waits for seconds or until `stop` is set.
    """

    def __init__(
        self,
        per_minute: float | None,
        *,
        stop: Event | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ):
        self.stop = stop or Event()
        self._gap = 60 / per_minute if per_minute else 0.0
        self._clock = clock
        self._sleep = sleep or self.stop.wait
        self._free_at = clock()
        self._lock = Lock()

    def wait(self) -> None:
        """Return when a request may go out.

        Raises:
            Stopped: the run ends.
        """
        while True:
            if self.stop.is_set():
                raise Stopped
            with self._lock:
                now = self._clock()
                if now >= self._free_at:
                    self._free_at = now + self._gap
                    return
                left = self._free_at - now
            self._sleep(left)

    def pause(self, seconds: float) -> None:
        """Hold back all threads, as a server asks with Retry-After."""
        with self._lock:
            self._free_at = max(self._free_at, self._clock() + seconds)

    def rest(self, seconds: float) -> None:
        """Hold back the calling thread alone."""
        self._sleep(seconds)


LONGEST_REST = 60.0
"""Seconds between two attempts, however many there were."""
LONGEST_PAUSE = 600.0
"""Seconds: a server that wants more than this is used up for today."""

RESERVED = ("model", "messages", "stream")
"""What a request is made of; not to be set by `parameters`."""


def check_settings(parameters: Mapping[str, Any], positive: Mapping[str, float | None]) -> None:
    """Refuse settings that no server can be asked with.

    Args:
        parameters: sent with each request.
        positive: numbers above 0, by name.

    Raises:
        UserError: names the first.
    """
    for name in RESERVED:
        if name in parameters:
            raise UserError(f"parameters.{name}: is set by the program; leave it out")
    for name, value in positive.items():
        if value is not None and not value > 0:
            raise UserError(f"{name}: must be above 0, not {value}")


@dataclass(frozen=True)
class Question:
    """One message list and how its reply is read."""

    kind: str
    """A word for people who look into the cache, e.g. `clue`."""
    messages: tuple[Message, ...]
    read: Callable[[str], Reading]
    """Raises Unusable."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What the request holds beside messages and parameters."""


@dataclass(frozen=True)
class Outcome:
    """What became of a question: a reading, or the reason why there is none."""

    reading: Reading | None
    failure: str | None = None
    detail: str = ""
    """What the server itself says about that."""


@dataclass
class Counts:
    """What it took."""

    questions: int = 0
    """Different ones."""
    cached: int = 0
    """Questions that were answered without a request."""
    requests: int = 0
    """Sent, repetitions included."""
    failed: int = 0
    """Questions without a readable reply."""


@dataclass
class _Work:
    """What the threads of one call share."""

    todo: "SimpleQueue[tuple[str, Question]]" = field(default_factory=SimpleQueue)
    done: "SimpleQueue[tuple[str, Outcome] | BaseException]" = field(default_factory=SimpleQueue)


class Asker:
    """Asks, keeps, counts.

    Args:
        client: of the server.
        identity: what a reply depends on beside the question, for the cache, e.g. judge and prompt version.
        cache: file of replies.
        concurrency: questions at a time.
        requests_per_minute: None is no limit.
        max_attempts: requests for one question, whatever is wrong with the replies.
        backoff_seconds: before the second attempt; doubled before each further one.
        complete: gives the reply to messages and what goes with them; None takes the text, and refuses half a one.
    """

    def __init__(
        self,
        client: ChatClient,
        *,
        identity: Mapping[str, str],
        cache: Path,
        concurrency: int,
        requests_per_minute: float | None,
        max_attempts: int,
        backoff_seconds: float,
        complete: Callable[[Sequence[Message], Mapping[str, Any]], str] | None = None,
    ):
        self.client = client
        self._complete = complete or client.complete
        self.identity = {**identity, "model": client.model}
        self.cache_path = cache
        self.concurrency = concurrency
        self.requests_per_minute = requests_per_minute
        self.max_attempts = max_attempts
        self.backoff_seconds = backoff_seconds
        self.counts = Counts()
        self._lock = Lock()

    def ask(self, questions: Sequence[Question], *, title: str | None) -> list[Outcome]:
        """Outcomes in the order of the questions; the same question twice is asked once.

        Args:
            questions: to be asked.
            title: of the progress bar; None shows none.

        Raises:
            UserError: the server is not there, or refuses everything; what was answered is kept.
        """
        keys = [self._key(question) for question in questions]
        different = dict(zip(keys, questions, strict=True))
        cache = ReplyCache(self.cache_path)
        found = {key: Outcome(reading) for key, reading in _known(cache, different)}
        self.counts.questions += len(different)
        self.counts.cached += len(found)
        missing = {key: question for key, question in different.items() if key not in found}
        # Closed here and now, wherever Ctrl-C strikes: threads stop asking, and the bar gives the terminal back.
        with (
            closing(self._ask_all(missing, cache)) as asked,
            closing(_progress(asked, title, len(missing), len(found)) if title else asked) as outcomes,
        ):
            for key, outcome in outcomes:
                found[key] = outcome
                self.counts.failed += outcome.failure is not None
        return [found[key] for key in keys]

    def _key(self, question: Question) -> str:
        content: dict[str, Any] = {"parameters": self.client.parameters, "kind": question.kind}
        content |= {"messages": question.messages, **({"extra": question.extra} if question.extra else {})}
        return content_key({**self.identity, **content})

    def _ask_all(self, missing: Mapping[str, Question], cache: ReplyCache) -> Generator[tuple[str, Outcome]]:
        """In the order in which they are done. Daemon threads: Ctrl-C does not wait for a slow server."""
        work, stop = _Work(), Event()
        for item in missing.items():
            work.todo.put(item)
        pacer = Pacer(self.requests_per_minute, stop=stop)
        for _ in range(min(self.concurrency, len(missing))):
            Thread(target=self._work, args=(work, pacer, cache), daemon=True).start()
        try:
            for number in range(len(missing)):
                result = self._next(work, number, len(missing))
                if isinstance(result, UserError):
                    raise UserError(f"{result}; {self._kept(number, len(missing))}") from result
                if isinstance(result, BaseException):
                    raise result
                yield result
        finally:
            stop.set()

    def _next(self, work: _Work, number: int, total: int) -> "tuple[str, Outcome] | BaseException":
        """What is done next; Ctrl-C or a signal meanwhile says what is kept."""
        try:
            return work.done.get()
        except (KeyboardInterrupt, SystemExit):
            log.warning("interrupted: %s", self._kept(number, total))
            raise

    def _kept(self, number: int, total: int) -> str:
        return (
            f"{number} of {total} questions were done before, and the replies are in {self.cache_path}: the same "
            "command goes on from there"
        )

    def _work(self, work: _Work, pacer: Pacer, cache: ReplyCache) -> None:
        """A thread: questions until there are none, or until something is wrong with all of them."""
        try:
            while True:
                key, question = work.todo.get_nowait()
                work.done.put((key, self._ask_one(key, question, pacer, cache)))
        except (Empty, Stopped):
            pass
        except BaseException as error:
            pacer.stop.set()
            work.done.put(error)

    def _ask_one(self, key: str, question: Question, pacer: Pacer, cache: ReplyCache) -> Outcome:
        reason = detail = ""
        for attempt in range(self.max_attempts):
            pacer.wait()
            with self._lock:
                self.counts.requests += 1
            try:
                reply = self._complete(question.messages, question.extra)
                reading = question.read(reply)
            except Unusable as error:
                reason, detail = str(error), ""
            except CallFailed as error:
                reason, detail = error.reason, error.detail
                if error.is_final:
                    break
                if attempt + 1 < self.max_attempts:
                    self._hold_back(pacer, error.retry_after, attempt)
            else:
                cache.put(key, reply, kind=question.kind, **self.identity)
                return Outcome(reading)
        if reason == NO_CONNECTION:
            raise UserError(f"{self.client.base_url} cannot be reached ({self.max_attempts} attempts)")
        return Outcome(None, reason, detail)

    def _hold_back(self, pacer: Pacer, retry_after: float | None, attempt: int) -> None:
        if retry_after is None:
            pacer.rest(min(LONGEST_REST, self.backoff_seconds * 2**attempt))
        elif retry_after <= LONGEST_PAUSE:
            pacer.pause(retry_after)
        else:
            raise UserError(f"{self.client.base_url} wants no requests for {retry_after:.0f} s (Retry-After)")


def _known(cache: ReplyCache, questions: Mapping[str, Question]) -> Iterator[tuple[str, Reading]]:
    """What the cache has and can still be read: a reply that was damaged is asked for again."""
    for key, question in questions.items():
        reply = cache.get(key)
        if reply is None:
            continue
        try:
            yield key, question.read(reply)
        except Unusable:
            continue


def _progress(
    outcomes: Iterator[tuple[str, Outcome]], title: str, total: int, num_cached: int
) -> Generator[tuple[str, Outcome]]:
    """Pass outcomes on under a bar with rate and time left; no bar where there is nothing to ask."""
    if total == 0:
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    text, rate = TextColumn("{task.description}"), TextColumn("{task.fields[rate]}")
    with Progress(text, BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn()) as progress:
        about = f"{title} ({num_cached} known)" if num_cached else title
        task, num_failed = progress.add_task(about, total=total, rate=""), 0
        for key, outcome in outcomes:
            yield key, outcome
            num_failed += outcome.failure is not None
            speed = progress.tasks[task].speed
            words = [f"{speed:.1f}/s" if speed else "", f"{num_failed} failed" if num_failed else ""]
            progress.update(task, advance=1, rate=", ".join(filter(None, words)))
