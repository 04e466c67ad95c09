"""The page in a headless Chromium: a clip goes in, an answer appears, and nothing goes to another machine."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from browser import Browser, Tab, started_browser
from media_factory import make_media
from serving_factory import fake, running

from emolightning.records.clips import Clip

HOSTILE = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_media(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds=0.4)


def ready(browser: Browser, address: str) -> Tab:
    tab = browser.open(address)
    tab.wait("document.querySelectorAll('#modalities input').length === 3")
    return tab


def ask(tab: Tab, path: Path, transcript: str = "") -> None:
    tab.upload("#file", path)
    tab.wait("!document.querySelector('#submit').disabled")
    tab.fill("#transcript", transcript)
    tab.click("#submit")


def answered(tab: Tab) -> None:
    tab.wait("document.querySelector('.answer') && !document.querySelector('#submit').disabled")


def test_an_answer_with_bars_and_pictures(browser: Browser, clip: Path) -> None:
    with running(fake("one"), fake("two")) as address:
        tab = ready(browser, address)
        tab.click("#modalities input[value=audio]")
        tab.click("#explain")
        ask(tab, clip, HOSTILE)
        answered(tab)
        assert (
            tab.value("[...document.querySelectorAll('.answer .label')].map((each) => each.innerText)") == ["happy"] * 2
        )
        assert tab.value("[...document.querySelectorAll('.answer .value')].map((each) => each.innerText)")[:2] == [
            "75.0 %",
            "25.0 %",
        ]
        assert HOSTILE in tab.text(".answer .said")
        assert tab.value("document.title") == "EmoLightning"
        assert "because" in tab.text(".answer")
        assert tab.text(".answer .doubts") == "Not a usable model."
        assert "speech: off" in tab.text(".answer .inputs")
        assert tab.value("document.querySelector('#frames img').naturalWidth") == 96
        assert tab.value("document.querySelectorAll('#wave polygon').length") == 1
        assert tab.text("#status") == "one, two: ready, nobody waits"
        assert tab.complaints() == []
        assert {urlsplit(each).netloc for each in tab.addresses() if each.startswith("http")} == {
            urlsplit(address).netloc
        }
        tab.resize(390, 800)
        assert tab.value("document.documentElement.scrollWidth") == 390


def test_a_broken_file_and_then_a_sound_one(browser: Browser, clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / f"{HOSTILE.replace('/', '')}.mp4"
    broken.write_bytes(b"no video")
    with running(fake()) as address:
        tab = ready(browser, address)
        ask(tab, broken)
        tab.wait("!document.querySelector('#problem').hidden")
        assert "not a media file" in tab.text("#problem")
        assert tab.value("document.title") == "EmoLightning"
        ask(tab, clip)
        answered(tab)
        assert tab.value("document.querySelector('#problem').hidden")


class Recognizer:
    """Hears hostile words."""

    def encode(self, items: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.frombuffer(HOSTILE.encode(), np.uint8) for _ in items]


def test_a_clip_is_listened_to(browser: Browser, clip: Path, tmp_path: Path) -> None:
    with running(fake(), recognizer=Recognizer()) as address:
        tab = ready(browser, address)
        assert tab.value("!document.querySelector('#listen').hidden && document.querySelector('#listen').disabled")
        tab.upload("#file", clip)
        tab.wait("!document.querySelector('#listen').disabled")
        tab.click("#listen")
        tab.wait("document.querySelector('#transcript').value")
        assert tab.value("document.querySelector('#transcript').value") == HOSTILE
        assert tab.value("document.title") == "EmoLightning"
        tab.upload("#file", make_media(tmp_path / "mute.mp4", seconds=0.4, audio=False))
        tab.wait("document.querySelector('#chosen').innerText.startsWith('mute')")
        tab.click("#listen")
        tab.wait("!document.querySelector('#problem').hidden")
        assert "no audio track" in tab.text("#problem")


def test_another_clip_begins_anew(browser: Browser, clip: Path, tmp_path: Path) -> None:
    """Words that were typed first stay; those of the clip before, and what was answered about it, do not."""
    other = make_media(tmp_path / "other.mp4", seconds=0.4)
    with running(fake()) as address:
        tab = ready(browser, address)
        tab.fill("#transcript", "typed first")
        tab.upload("#file", clip)
        tab.wait("!document.querySelector('#submit').disabled")
        assert tab.value("document.querySelector('#transcript').value") == "typed first"
        tab.click("#submit")
        answered(tab)
        tab.upload("#file", other)
        tab.wait("document.querySelector('#chosen').innerText.startsWith('other')")
        assert tab.value("document.querySelector('#transcript').value") == ""
        assert tab.value("document.querySelectorAll('.answer').length") == 0
        assert tab.value("document.querySelector('#seen').hidden && !document.querySelector('#empty').hidden")


def test_two_users_at_once(browser: Browser, clip: Path) -> None:
    with running(fake(seconds=0.3)) as address:
        tabs = [ready(browser, address) for _ in range(2)]
        for number, tab in enumerate(tabs):
            ask(tab, clip, f"user {number}")
        for number, tab in enumerate(tabs):
            answered(tab)
            assert f"happy: user {number}" in tab.text(".answer .said")


def test_a_token_is_asked_for_and_an_example_tried(browser: Browser, clip: Path) -> None:
    examples = [Clip("clip", clip, transcript="an example")]
    with running(fake(), token="secret", examples=examples) as address:
        tab = browser.open(address)
        tab.wait("!document.querySelector('#token-part').hidden")
        tab.fill("#token", "secret")
        tab.click("#use-token")
        tab.wait("document.querySelector('#examples button')")
        tab.click("#examples button")
        tab.wait("!document.querySelector('#submit').disabled")
        assert tab.value("document.querySelector('#transcript').value") == "an example"
        tab.click("#submit")
        answered(tab)


def test_a_recording(browser: Browser) -> None:
    """A machine that is busy may encode nothing in the first second, which the page says; then it is recorded again."""
    with running(fake()) as address:
        tab = ready(browser, address)
        for seconds in (1.2, 5, 15):
            tab.click("#record")
            tab.wait("document.querySelector('#record').innerText === 'Stop'")
            tab.value(f"new Promise((done) => setTimeout(done, {1000 * seconds}))")
            tab.click("#record")
            tab.wait("!document.querySelector('#submit').disabled")
            tab.click("#submit")
            tab.wait("document.querySelector('.answer') || !document.querySelector('#problem').hidden")
            if "cut short" not in tab.text("#problem"):
                break
        assert tab.text("#problem") == ""
