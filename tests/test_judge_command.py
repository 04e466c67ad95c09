"""Judges through `python -m emolightning score`: from the command line to metrics.json."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from judge_server import Reply, Request, graded, serving

from emolightning.commands.score import main

KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOLIGHTNING_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with (tmp_path / "theirs.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [(f"clip{index}", f"She laughs {index} times.", f"She smiles {index} times.") for index in range(4)]
        csv.writer(file).writerows([("id", "answer", "truth"), *rows])
    return tmp_path


def words(place: Path, out: str, *more: str) -> list[str]:
    return ["scoring=reasoning", f"answers={place / 'theirs.csv'}", f"output_dir={place / out}", *more]


def metrics(place: Path, out: str) -> dict[str, Any]:
    return json.loads((place / out / "metrics.json").read_text(encoding="utf-8"))


def test_without_a_word_about_judges_it_is_the_offline_one(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(words(place, "out"))
    found = metrics(place, "out")
    assert found["metrics"].keys() == {"clue_overlap_offline", "label_overlap_offline"}
    assert found["judge"]["name"] == "offline"
    wheel = "EmoLightning embedded wheel, not official"
    assert all(wheel in score["definition"] for score in found["metrics"].values())
    printed = capsys.readouterr().out
    assert "clue_overlap_offline" in printed
    assert wheel in " ".join(printed.split())
    assert (place / "out" / "report.html").exists()


def test_a_second_run_asks_nothing_and_the_key_is_written_nowhere(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_KEY", KEY)

    def judge(request: Request, _: int) -> Reply:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        return graded(7)

    with serving(judge) as server:
        server_words = [f"judge.base_url={server.url}", "judge.model=some-model", "judge.key_env=MY_KEY"]
        for out in ("one", "two"):
            main(words(place, out, "judge=openai", *server_words))
        assert len(server.requests) == 8
    one, two = metrics(place, "one"), metrics(place, "two")
    assert one["metrics"] == two["metrics"]
    assert one["metrics"]["clue_overlap_openai"]["value"] == 7.0
    assert (one["judge"]["calls"]["requests"], two["judge"]["calls"]["requests"]) == (8, 0)
    assert two["judge"]["calls"]["cached"] == 8
    assert (place / "data" / "cache" / "judge" / "openai.jsonl").exists()
    written = [path.read_text(encoding="utf-8") for path in place.rglob("*") if path.is_file()]
    shown = "".join(capfd.readouterr())
    assert KEY not in "".join([*written, shown])
    assert "HTTP Request" not in shown


def test_no_key_is_said_before_anything_is_asked_or_written(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words(place, "out", "judge=openai", "judge.base_url=https://api.example.org/v1", "judge.model=m"))
    assert stop.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("error: OPENAI_API_KEY is not set")
    assert "Traceback" not in error
    assert not (place / "out").exists()


def test_what_a_server_needs_is_asked_for_once(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words(place, "out", "judge=openai", "judge.modle=x"))
    assert stop.value.code == 2
    with pytest.raises(SystemExit):
        main(words(place, "out", "judge=openai"))
    lines = [line for line in capsys.readouterr().err.splitlines() if "is required" in line]
    assert [line.split()[1] for line in lines] == ["judge.base_url", "judge.model"]
