"""Frames by a window or a peak: the same in every run, and what upstream's files say."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest
from data_factory import corpus_of
from media_factory import make_media

from emolightning.benchmarks.published.measured import _frame
from emolightning.data.media.choice import parse_frame_choice, read_peaks
from emolightning.data.media.frames import FrameStore
from emolightning.data.media.signal import peak_of
from emolightning.data.media.video import read_frames
from emolightning.data.readers.custom import CustomData
from emolightning.data.stores.features import SignalFeatures
from emolightning.errors import InputErrors, UserError
from emolightning.records.clips import Clip, Span


def of_version_2(num_frames: int, count: int, seed: int = 42) -> list[int]:
    """Its code: all frames of a short clip, else a random end; numpy is seeded once, at import."""
    np.random.seed(seed)
    if num_frames > count:
        end = np.random.randint(count, num_frames)
        return np.clip(np.linspace(end - count, end, num=count), 0, end - 1).astype(int).tolist()
    return np.linspace(0, num_frames - 1, num=count).astype(int).tolist()


@pytest.mark.parametrize("num_frames", [1, 2, 15, 16, 17, 18, 100, 339, 5000])
@pytest.mark.parametrize(("text", "count", "seed"), [("window:16", 16, 42), ("window:5:7", 5, 7), ("window:1", 1, 42)])
def test_a_window_lies_where_version_2_draws_it(text, count, seed, num_frames):
    choice = parse_frame_choice(text)
    assert choice.num_frames == count
    found = choice.positions(num_frames)
    assert found == of_version_2(num_frames, count, seed)
    assert found == choice.positions(num_frames), "drawn afresh"
    if num_frames > count:
        assert np.diff(found).tolist() == [1] * (count - 1)


def make_face(path, *, apex: int, num_frames: int = 40, glitch: int | None = None):
    """A square in the middle that grows to a bar by frame `apex` and shrinks again; one frame may be noise."""
    rng = np.random.default_rng(3)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 112, 112, "yuv420p"
        for index in range(num_frames):
            pixels = np.full((112, 112, 3), 60, dtype=np.uint8)
            width = 10 + max(0, 24 - 2 * abs(index - apex))
            pixels[48:64, 56 - width : 56 + width] = 200
            if index == glitch:
                pixels = rng.integers(0, 90, pixels.shape).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("apex", "num_frames"), [(15, 40), (27, 40), (38, 40), (60, 200)])
def test_the_peak_is_where_the_face_differs_most_from_its_beginning(tmp_path, apex, num_frames):
    path = make_face(tmp_path / "a.mkv", apex=apex, num_frames=num_frames)
    (found,) = read_frames(path, parse_frame_choice("peak"))
    near = [
        read_frames(path, parse_frame_choice(str(index)))[0] for index in range(apex - 2, min(num_frames, apex + 3))
    ]
    assert any(np.array_equal(found, frame) for frame in near)


def test_the_peak_of_a_piece_lies_in_the_piece(tmp_path):
    path = make_face(tmp_path / "a.mkv", apex=60, num_frames=80)
    (found,) = read_frames(path, parse_frame_choice("peak"), span=Span(0.4, 2.2))
    np.testing.assert_array_equal(found, read_frames(path, parse_frame_choice("54"))[0])  # The last one inside.


def test_the_peak_of_a_clip_that_does_not_move():
    assert peak_of(np.zeros((1, 112, 112, 3), dtype=np.uint8)) == 0
    still = np.full((9, 112, 112, 3), 7, dtype=np.uint8)
    assert peak_of(still) == 0, "the first of equals"
    with pytest.raises(ValueError, match="frames"):
        peak_of(still[:0])


def write_peaks(folder, content) -> str:
    (folder / "peaks.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return str(folder / "peaks.json")


def test_upstreams_file_says_the_peak(tmp_path):
    file = write_peaks(tmp_path, {"a": {"peak_index": 7}, "b": {"peak_index": 999, "au": 3}})
    choice = parse_frame_choice(f"peak:{file}")
    assert [choice.of_clip(clip).positions(25) for clip in "ab"] == [[7], [24]]
    with pytest.raises(UserError, match=r"peaks.json: says no peak_index of clip 'c'"):
        choice.of_clip("c")
    clip = Clip("a", make_media(tmp_path / "a.mp4"))
    store = FrameStore(tmp_path / "cache", choice=choice, image_size=28, num_workers=1)
    faults = store.prepare([clip, Clip("c", clip.video)])
    assert [fault.kind for fault in faults["c"]] == ["no peak frame"]
    assert "c" not in {path.stem for path in store.folder.glob("*.npy")}
    assert round(float(np.load(store.folder / "a.npy")[0, 14, 14].mean()) / 5) == 7
    write_peaks(tmp_path, {"a": {"peak_index": 8}})
    assert FrameStore(tmp_path / "cache", choice=choice, image_size=28, num_workers=1).folder != store.folder


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "is not a JSON file such as"),
        ("{", "is not a JSON file such as"),
        ({"a": 7}, "'a': 7 has no peak_index from 0 on"),
        ({"a": {"peak_index": -1}}, "has no peak_index from 0 on"),
        ({"a": {"peak_index": True}}, "has no peak_index from 0 on"),
        ({"a": {"peak_index": "7"}, "b": {"peak_index": 1.5}}, r"2 problem\(s\)"),
        ("[" * 100_000, "is not a JSON file such as"),
    ],
)
def test_a_file_of_peaks_that_is_none(tmp_path, content, message):
    with pytest.raises(UserError, match=message):
        read_peaks(write_peaks(tmp_path, content))


def test_a_run_with_clips_that_have_no_peak(tmp_path):
    for name in "abc":
        make_media(tmp_path / f"{name}.mp4", audio=False)
    rows = ["video_name,emotion_label,transcription,split", "a,sad,x,train", "b,sad,x,val", "c,sad,x,test"]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    file = write_peaks(tmp_path, {"a": {"peak_index": 3}, "b": {"peak_index": 4}})
    corpus = corpus_of(
        CustomData, features=SignalFeatures(), inputs=("image", "transcript"), name="custom", labels="mer6",
        annotations=str(tmp_path / "t.csv"), media=str(tmp_path), cache=str(tmp_path / "cache"), frame=f"peak:{file}",
    )  # fmt: skip
    with pytest.raises(InputErrors, match=r"line 4: c: .*peaks.json: says no peak_index of clip 'c'; add it"):
        corpus.read()


def test_a_peak_that_is_found_here_is_not_the_published_one():
    assert [_frame(choice) for choice in ("peak:MER2023_peak.json", "peak", "first", None)] == [
        "peak", "peak (found in the pictures)", "first", None,
    ]  # fmt: skip
