"""What counts as a grade in a model's reply, and what does not; the cache of replies; the pace of requests."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event

import pytest

from emolightning.errors import UserError
from emolightning.prompt.asking.asker import Pacer, Stopped
from emolightning.prompt.asking.cache import ReplyCache, content_key
from emolightning.prompt.asking.replies import Unusable
from emolightning.scoring.judges.questions import read_free_score, read_json_score, read_words


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ('{"score": 7, "reason": "both smile"}', 7),
        ('  {"reason": "nothing shared", "score": 1}\n', 1),
        ('```json\n{"score": 10, "reason": "same"}\n```', 10),
    ],
)
def test_json_grades(reply: str, score: int) -> None:
    assert read_json_score(reply).value == score


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ('{"score": 0, "reason": ""}', "score out of range"),
        ('{"score": 11, "reason": ""}', "score out of range"),
        ('{"score": -3, "reason": ""}', "score out of range"),
        ('{"score": 7.5, "reason": ""}', "malformed reply"),
        ('{"score": "7", "reason": ""}', "malformed reply"),
        ('{"score": true, "reason": ""}', "malformed reply"),
        ('{"score": NaN, "reason": ""}', "malformed reply"),
        ('{"score": 7}', "malformed reply"),
        ('{"reason": "no score"}', "malformed reply"),
        ('{"score": 9, "score": 2, "reason": ""}', "malformed reply"),
        ('Sure! {"score": 7, "reason": ""}', "malformed reply"),
        ('{"score": 7, "reason": ""} {"score": 8, "reason": ""}', "malformed reply"),
        ("[7]", "malformed reply"),
        ("7", "malformed reply"),
        ("", "malformed reply"),
        ("[" * 100_000, "malformed reply"),
        ('{"score": ' + "9" * 10_000 + ', "reason": ""}', "malformed reply"),
    ],
)
def test_json_that_is_no_grade(reply: str, reason: str) -> None:
    with pytest.raises(Unusable, match=f"^{reason}$"):
        read_json_score(reply)


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("分数：8\n理由：线索相同", 8),
        ("评分: 8.5，因为……", 8.5),
        ("Score: 10", 10),
        ("**Score:** 6/10\nBoth smile.", 6),
        ("8/10", 8),
        ("8分，理由是两者一致", 8),
        ("7\nThe clues differ in 3 places.", 7),
        ("In the range 1-10, score 7", 7),
        ("评分范围1-10，评分为7", 7),
        ("分数（1-10）：4", 4),
        ("Score: 7. Both are 100 % sure.", 7),
        ("score 5 ... so the score is 5", 5),
        ('{"score": 3, "reason": "x"}', 3),
    ],
)
def test_grades_in_free_text(reply: str, score: float) -> None:
    assert read_free_score(reply).value == score


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("12.5", "score out of range"),
        ("分数：0", "score out of range"),
        ("Score: 85", "score out of range"),
        (".5", "malformed reply"),
        ("7..5", "malformed reply"),
        ("八分", "malformed reply"),
        ("Score: eight", "malformed reply"),
        ("1. Both smile. 2. Both are happy.", "malformed reply"),
        ("1-10", "malformed reply"),
        ("score 1-10", "malformed reply"),
        ("Score: 3/5", "malformed reply"),
        ("They share 3 clues.", "malformed reply"),
        ("Score: 7, or else score: 9", "several scores"),
        ("  ", "empty reply"),
    ],
)
def test_free_text_that_is_no_grade(reply: str, reason: str) -> None:
    with pytest.raises(Unusable, match=f"^{reason}$"):
        read_free_score(reply)


def test_words() -> None:
    assert read_words(" 担心，难过 \n").text == "担心，难过"
    for reply, reason in (("", "empty reply"), ("x" * 1001, "reply too long")):
        with pytest.raises(Unusable, match=reason):
            read_words(reply)


def test_cache_gives_back_what_was_put_in(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "replies.jsonl"
    cache = ReplyCache(path)
    cache.put("a", "分数：8\n理由", kind="clue")
    cache.put("b", "first", kind="clue")
    cache.put("b", "second\ud800", kind="clue")
    assert cache.get("a") == "分数：8\n理由"
    again = ReplyCache(path)
    assert (again.get("a"), again.get("b"), again.get("c")) == ("分数：8\n理由", "second\ud800", None)
    assert again.num_damaged == 0


def test_damaged_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    good = json.dumps({"key": "a", "reply": "one"}).encode()
    path.write_bytes(b"\n".join([good, b"\x00\xff", b"[]", b'{"key": 3, "reply": "x"}', b'{"key": "b", "rep']))
    cache = ReplyCache(path)
    assert (cache.get("a"), cache.get("b"), cache.num_damaged) == ("one", None, 4)
    cache.put("b", "two")
    assert ReplyCache(path).get("b") == "two"


WRITER = """
import sys
from pathlib import Path
from emolightning.prompt.asking.cache import ReplyCache
cache = ReplyCache(Path(sys.argv[1]))
for number in range(10**9):
    cache.put(str(number), "x" * 5000)
    print(number, flush=True)
"""


def test_a_killed_process_leaves_a_cache_that_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(50):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    cache = ReplyCache(path)
    assert all(cache.get(str(number)) == "x" * 5000 for number in range(50))
    cache.put("last", "y")
    assert ReplyCache(path).get("last") == "y"


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="set `cache` to another file"):
        ReplyCache(tmp_path / "file" / "replies.jsonl")


def test_keys_depend_on_everything() -> None:
    base = {"judge": "openai", "model": "m", "prompt_version": "1", "parameters": {"temperature": 0}, "messages": ["a"]}
    changes = ({}, {"judge": "x"}, {"model": "x"}, {"prompt_version": "2"}, {"parameters": {}}, {"messages": ["b"]})
    assert len({content_key({**base, **change}) for change in changes}) == len(changes)


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_requests_keep_their_distance() -> None:
    clock = Clock()
    pacer = Pacer(30, clock=clock, sleep=clock.sleep)
    times = []
    for _ in range(3):
        pacer.wait()
        times.append(clock.now)
    assert times == [0.0, 2.0, 4.0]
    pacer.pause(10)
    pacer.pause(3)  # a shorter pause does not end a longer one
    pacer.wait()
    assert clock.now == 14.0


def test_no_limit_means_no_wait() -> None:
    clock = Clock()
    pacer = Pacer(None, clock=clock, sleep=clock.sleep)
    for _ in range(100):
        pacer.wait()
    assert clock.now == 0.0


def test_a_stopped_run_asks_nothing_more() -> None:
    stop = Event()
    pacer = Pacer(None, stop=stop, clock=time.monotonic)
    stop.set()
    with pytest.raises(Stopped):
        pacer.wait()
