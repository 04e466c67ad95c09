"""Every kind of page in a headless Chromium: nothing fails, nothing is asked for, filters and keys work."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, Tab, started_browser
from score_factory import score, write_jsonl

from emolightning.__main__ import main
from emolightning.records.sheets import Sheet
from emolightning.runs.report.variants_page import variants_drawings, variants_page

HOSTILE = "</script><script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
TRUTHS = ["happy", "sad", "angry"] * 20


def rows(wrong: set[int]) -> list[dict[str, Any]]:
    """Sixty clips, of which some are answered with another label, and the last not at all."""
    found = [
        {
            "id": f"c{at} {HOSTILE}" if at < 2 else f"c{at}",
            "answer": "worried" if at in wrong else truth,
            "truth": truth,
            "group": ("quiet", "loud \u202e<b>")[at % 2],
            "probabilities": {"happy": 0.1, "sad": 0.1, "angry": 0.1, "worried": 0.1, truth: 0.7},
        }
        for at, truth in enumerate(TRUTHS)
    ]
    found[-1]["answer"] = f"{HOSTILE} \u2028 {'?' * 10_000}"
    for row in found:
        total = sum(row["probabilities"].values())
        row["probabilities"] = {label: chance / total for label, chance in row["probabilities"].items()}
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two evaluations with all that a page can show, and their comparison."""
    folder = tmp_path_factory.mktemp("pages")
    for name, wrong in (("a", set(range(0, 30, 2))), ("b", {8, 9, 20})):
        file = write_jsonl(folder / f"{name}.jsonl", rows(wrong))
        words = ("labels=[happy,sad,angry,worried]", "probabilities=true", "slices=[group]")
        score(folder / name, f"answers={file}", *words)
    sys.argv = ["emolightning", "compare"]
    assert main(["compare", f"runs=[{folder}/a,{folder}/b]", f"out={folder}/ab", "num_samples=200"]) == 0
    return folder


def opened(browser: Browser, page: Path, *, width: int = 1300) -> Tab:
    return browser.open(page.as_uri(), width=width)


def is_quiet(tab: Tab, page: Path) -> bool:
    """Whether nothing failed, nothing ran that came from outside, and nothing but the page was asked for."""
    assert tab.complaints() == []
    assert {address for address in tab.addresses() if not address.startswith("data:")} == {page.as_uri()}
    return tab.value("document.title") != "taken"


def sideways(tab: Tab) -> int:
    """By how much the page is wider than its window; tables and drawings scroll in themselves."""
    return tab.value("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def number_of_cards(tab: Tab) -> int:
    return tab.value("document.querySelectorAll('#cards article').length")


def press(tab: Tab, key: str) -> None:
    tab.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=key)
    tab.call("Input.dispatchKeyEvent", type="keyUp", key=key)


def test_the_page_of_an_evaluation(browser: Browser, place: Path) -> None:
    page = place / "a" / "report.html"
    tab = opened(browser, page)
    assert number_of_cards(tab) == 60
    for title in ("Confusion matrix", "Per class", "How likely labels are", "Where it is weak", "Most confident"):
        assert title in tab.text("main"), title
    press(tab, "2")
    assert number_of_cards(tab) == 1
    press(tab, "1")
    assert number_of_cards(tab) == 15
    press(tab, "j")
    press(tab, "j")
    assert tab.value("[...document.querySelectorAll('#cards article')].indexOf(document.activeElement)") == 1
    press(tab, "x")
    assert number_of_cards(tab) == 60
    press(tab, "/")
    tab.call("Input.insertText", text="c33")
    tab.wait("document.querySelectorAll('#cards article').length === 1")
    assert tab.value("document.querySelector('#cards .id').textContent").startswith("c33")
    tab.value("document.activeElement.blur()")
    tab.click('tr[data-truth="happy"][data-answer="worried"]')
    assert tab.value("document.querySelector('#found').innerText") == "5 of 60 clips"
    tab.value("document.querySelector('[data-group][data-value=quiet]').dispatchEvent(new Event('click'))")
    assert tab.value("document.querySelector('#found').innerText") == "30 of 60 clips"
    assert tab.value("document.querySelector('[data-group]').closest('svg').getAttribute('role')") == "group"
    assert HOSTILE in tab.value("document.querySelector('#cards').textContent")  # Out of sight no text is laid out.
    assert is_quiet(tab, page)


@pytest.mark.slow
def test_a_page_of_5000_clips_is_quick(browser: Browser, tmp_path: Path) -> None:
    many = [
        {**row, "id": f"sample_{number:05}_{row['id']}"}
        for number, row in enumerate(rows({0, 8, 20}) * 84, start=1)
        if number <= 5000
    ]
    file = write_jsonl(tmp_path / "many.jsonl", many)
    words = ("labels=[happy,sad,angry,worried]", "probabilities=true", "slices=[group]")
    score(tmp_path / "many", f"answers={file}", *words)
    page = tmp_path / "many" / "report.html"
    assert page.stat().st_size < 250 * len(many) + 83 * 11_000  # One text of each sixty is long.
    tab = opened(browser, page)
    (loaded,) = tab.value("performance.getEntriesByType('navigation').map((each) => each.domInteractive)")
    assert loaded < 4000  # Milliseconds; 500 on two idle cores.
    for key, found in (("1", "251 of 5000"), ("2", "83 of 5000"), ("x", "5000 of 5000")):
        press(tab, key)
        assert tab.text("#found") == f"{found} clips"
    script = """(async () => {{
        const begin = performance.now();
        {};
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        return performance.now() - begin;
    }})()"""
    key = "document.dispatchEvent(new KeyboardEvent('keydown', {key: '%s'}))"
    order = "const order = document.querySelector('#order'); order.value = 'surest first'"
    for what in (key % "1", f"{order}; order.dispatchEvent(new Event('change'))", key % "x", key % "j"):
        assert tab.value(script.format(what)) < 1500, what
    tab.value(f"for (let number = 0; number < 300; number++) {key % 'j'}")
    assert number_of_cards(tab) >= 300
    assert tab.value("document.activeElement.matches('#cards .card')")
    assert sideways(tab) <= 0
    assert is_quiet(tab, page)


def test_a_comparison_in_the_dark_and_on_a_phone(browser: Browser, place: Path) -> None:
    page = place / "ab" / "compare.html"
    tab = opened(browser, page, width=360)
    assert sideways(tab) <= 0
    assert number_of_cards(tab) == 60
    light = tab.value("getComputedStyle(document.body).backgroundColor")
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert tab.value("getComputedStyle(document.body).backgroundColor") != light
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.value("getComputedStyle(document.body).backgroundColor") in (light, "rgba(0, 0, 0, 0)")
    assert is_quiet(tab, page)


def metric(value: float) -> dict[str, Any]:
    return {"war": {"value": value, "ci95": [value - 0.05, value + 0.05]}}


def against(difference: float) -> dict[str, Any]:
    return {"metrics": {"war": {"difference": difference, "ci95": [-0.1, 0.1], "p": 0.01, "p_holm": 0.02}}}


COMMON = {
    "run": HOSTILE,
    "benchmark": HOSTILE,
    "split": "test",
    "num_clips": 9,
    "headline": "war",
    "chance": {HOSTILE: 0.25, "labels at random": 0.2},
    "overrides": [HOSTILE],
    "warnings": [HOSTILE],
}
ABLATION = COMMON | {
    "kind": "ablation",
    "rows": [
        {"name": "full", "left": "AVT", "how": None, "metrics": metric(0.8), "against": None},
        {"name": "x", "left": HOSTILE, "how": "mean", "metrics": metric(0.4), "against": against(-0.4), "ceiling": 0.5},
        {"name": "y", "left": "A", "how": "zeroed", "failed": HOSTILE},
    ],
}
LEVELS = [
    {"severity": severity, "name": f"noise-{severity}", "metrics": metric(value), "against": against(value - 0.8)}
    for severity, value in ((20, 0.7), (0, 0.3))
]
ROBUSTNESS = COMMON | {
    "kind": "robustness",
    "clean": {"name": "clean", "metrics": metric(0.8)},
    "corruptions": [
        {"name": "noise", "about": HOSTILE, "axis": "dB", "is_ordered": True, "levels": LEVELS, "area": metric(0.6)},
        {"name": "frame", "about": "x", "axis": "frame", "is_ordered": False, "area": None,
         "levels": [{**LEVELS[0], "severity": "first"}, {"severity": "last", "name": "l", "failed": HOSTILE}]},
    ],
}  # fmt: skip


@pytest.mark.parametrize("content", [ABLATION, ROBUSTNESS], ids=lambda content: content["kind"])
def test_an_ablation_and_a_robustness(browser: Browser, tmp_path: Path, content: dict[str, Any]) -> None:
    page = tmp_path / f"{content['kind']}.html"
    page.write_text(variants_page(content, [Sheet(HOSTILE, ["a"], [[HOSTILE]], [HOSTILE])]), encoding="utf-8")
    tab = opened(browser, page, width=360)
    assert sideways(tab) <= 0
    assert tab.value("document.querySelectorAll('figure svg').length") == len(variants_drawings(content))
    assert HOSTILE in tab.text("main")
    assert is_quiet(tab, page)


def test_an_ablation_shows_what_is_clearly_lower() -> None:
    (drawing,) = variants_drawings(ABLATION)
    assert "var(--bad)" in drawing.svg
    assert "best possible accuracy 0.5000" in drawing.svg
    assert ">chance</text>" in drawing.svg
    assert ">0.2</text>" in drawing.svg
    assert drawing.svg.count("0.8000") >= 1
    assert [each.name for each in variants_drawings(ROBUSTNESS)] == ["robustness-noise", "robustness-frame"]


def test_figures_are_files_of_their_own(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", f"run={place}/ab", "figures=svg"]) == 0
    files = [Path(line) for line in capsys.readouterr().out.splitlines() if line.endswith(".svg")]
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert text.startswith("<?xml")
        assert "var(--" not in text
        assert file.parent == place / "ab" / "figures"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("figures=pdf",), 1, "figures=pdf: must be one of svg, png"),
        (("figures=svg", "seed=3"), 2, "seed=3: a page of compare.json takes run=FOLDER and figures=svg alone"),
    ],
)
def test_wrong_words(
    place: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        sys.exit(main(["report", f"run={place}/ab", *words]))
    assert ended.value.code == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("content", [{}, {"pairs": 3}, {"systems": [1], "pairs": []}], ids=json.dumps)
def test_a_damaged_comparison_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: dict[str, Any]
) -> None:
    (tmp_path / "compare.json").write_text(json.dumps(content))
    assert main(["report", f"run={tmp_path}"]) == 1
    assert "compare.json: is damaged, or of another version" in capsys.readouterr().err


SEEDS = {
    "overrides": [HOSTILE],
    "num_failed": 1,
    "ci95_over_seeds_and_clips": {"war": [0.5, 0.8]},
    "scores": {"war": {"mean": 0.65, "sd": 0.1, "ci95": [0.4, 0.9], "n": 2}},
    "seeds": [
        {"seed": k, "folder": f"{HOSTILE}/seed", "exit_code": k // 2, "scores": {"war": 0.6 + k / 10}} for k in range(3)
    ],
}


def test_seeds_have_a_page(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "seeds.json").write_text(json.dumps(SEEDS))
    assert main(["report", f"run={tmp_path}"]) == 0
    page = tmp_path / "seeds.html"
    tab = opened(browser, page, width=360)
    assert sideways(tab) <= 0
    assert "failed with exit code 1" in tab.text("main")
    assert tab.value("document.querySelectorAll('figure svg circle').length") == 6
    assert is_quiet(tab, page)


def test_answers_from_a_file_have_their_page_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = place / "a" / "report.html"
    before = page.read_text(encoding="utf-8")
    assert main(["report", f"run={place / 'a'}"]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert len(page.read_text(encoding="utf-8")) > 0.9 * len(before)
    assert f"python -m emolightning report run={place / 'a'}" in before
