"""Who is seen: faces found, linked over frames, chosen and cut out; and what is said where there is none."""

import ast
import json
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from face_factory import FPS, RATE_HZ, face_of, film
from media_factory import make_media, rotate_by_metadata
from PIL import Image

import emolightning.data.media as media_room
from emolightning.data.media import face_boxes, face_films
from emolightning.data.media.audio import NoAudioTrack
from emolightning.data.media.face_films import crop
from emolightning.data.media.face_tracks import (
    Film,
    Track,
    choose,
    choose_speaking,
    fill,
    lasting,
    link,
    loudness_of_frames,
    mouth_motion,
    overlap,
)
from emolightning.data.media.faces import FacePolicy
from emolightning.data.media.openface import NoFace
from emolightning.errors import UserError
from emolightning.records.clips import Clip, Span

FACES = {
    "sample_00000167": (460, 145, 120),
    "sample_00000338": (242, 123, 70),
    "sample_00000669": (315, 150, 160),
    "sample_00000694": (400, 155, 160),
    "sample_00000727": (450, 205, 135),
    "sample_00001073": (440, 265, 200),
    "sample_00003358": (345, 160, 140),
    "sample_00005854": (480, 145, 220),
}
"""Centre and side of the face about 0.7 s after the beginning of each real clip, measured by hand."""


def boxes(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def even(count: int):
    return lambda number: [(2 * part + 1) * number // (2 * count) for part in range(count)]


# Policies.


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("none", "none"),
        ("center", "center:112"),
        ("center:224", "center:224"),
        ("folder:faces/a:b", "folder:faces/a:b"),
        ("detector", "detector:largest:112:0.15"),
        ("detector:speaking", "detector:speaking:112:0.15"),
        ("detector:224", "detector:largest:224:0.15"),
        ("detector:longest:96:0.3", "detector:longest:96:0.3"),
        ("detector:longest:96:0", "detector:longest:96:0.0"),
    ],
)
def test_a_policy_is_read_as_it_is_written(text: str, whole: str) -> None:
    policy = FacePolicy.parse(text)
    assert str(policy) == whole
    assert FacePolicy.parse(str(policy)) == policy


@pytest.mark.parametrize("text", ["", "centre", "none:112", "center:0", "folder:", "detector:loudest", "detector::0.1"])
def test_other_policies_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"is not none, center, detector or folder:PATH.*largest, longest or speaking"):
        FacePolicy.parse(text)


def test_opencv_is_asked_for_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    face_boxes._cascades.cache_clear()
    monkeypatch.setitem(sys.modules, "cv2", None)
    for policy in ("none", "center"):
        FacePolicy.parse(policy).require()
    with pytest.raises(UserError, match=r"needs OpenCV, which is not installed: pip install -e '\.\[faces\]'"):
        FacePolicy.parse("detector").require()

    class Later:
        __version__ = "5.0.0"

    monkeypatch.setitem(sys.modules, "cv2", Later)
    with pytest.raises(UserError, match=r"OpenCV 5\.0\.0 has not.*<5"):
        FacePolicy.parse("detector").require()
    face_boxes._cascades.cache_clear()


def test_opencv_is_imported_inside_functions_only() -> None:
    for path in Path(media_room.__file__).parent.glob("face*.py"):
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in getattr(statement, "names", [])]
            assert "cv2" not in names, path


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        FacePolicy.parse(f"folder:{tmp_path / 'nowhere'}").require()


# Tracks.


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [((10, 10, 4), (10, 10, 4), 1.0), ((10, 10, 4), (12, 10, 4), 1 / 3), ((10, 10, 4), (14, 10, 4), 0.0)],
)
def test_overlap(one: tuple[float, ...], other: tuple[float, ...], expected: float) -> None:
    assert overlap(np.array(one), np.array(other)) == pytest.approx(expected)


def test_faces_that_pass_each_other_stay_apart_and_gaps_are_bridged() -> None:
    looks = []
    for number in range(12):
        seen = [(100 + 5 * number, 50, 40), (200 - 5 * number, 100, 40)]
        looks.append((5 * number, boxes(*(seen[:1] if number in (4, 5, 6) else seen[::-1]))))
    tracks = link(looks)
    assert [len(track.frames) for track in tracks] == [9, 12]
    filled = fill(tracks[0], [frame for frame, _ in looks], 58)
    assert (filled.first, len(filled.boxes), filled.num_found) == (0, 58, 9)
    expected = 200 - np.minimum(np.arange(58), 55)
    assert np.abs(filled.boxes[:, 0] - expected).max() < 5  # Smoothing holds the ends back.
    assert np.abs(np.diff(filled.boxes[:, 0])).max() < 1.1
    assert filled.boxes[:, 1:].tolist() == [[100, 40]] * 58


def test_a_face_that_is_away_too_long_is_another_one() -> None:
    looks = [(number, boxes((50, 50, 40)) if number in (0, 1, 8, 9, 17, 18) else boxes()) for number in range(20)]
    assert [track.frames for track in link(looks)] == [[0, 1, 8, 9], [17, 18]]


def test_one_wild_box_does_not_move_the_crop() -> None:
    track = Track(list(range(0, 50, 5)), [np.array((100.0 + 30 * (k == 4), 80, 40 + 20 * (k == 4))) for k in range(10)])
    assert fill(track, track.frames, 46).boxes == pytest.approx(np.tile((100.0, 80, 40), (46, 1)))


def test_what_flickers_is_no_face() -> None:
    looks = list(range(0, 100, 5))
    steady = Track(looks, [np.array((50.0, 50, 40))] * 20)
    flickering = Track(looks[::6], [np.array((200.0, 50, 40))] * 4)
    short = Track(looks[:4], [np.array((300.0, 50, 40))] * 4)
    shorter_than_the_steady_one = Track(looks[3:5], [np.array((300.0, 90, 40))] * 2)
    assert lasting([steady, flickering, short], looks) == [steady]
    assert lasting([flickering, short, shorter_than_the_steady_one], looks) == [short, shorter_than_the_steady_one]
    assert lasting([short, shorter_than_the_steady_one], looks, fewest=3) == [short]
    assert lasting([Track([0], [np.array((5.0, 5, 4))])], [0]) != []  # A clip of one frame.
    assert lasting([], looks) == []


def test_the_largest_and_the_longest() -> None:
    films = [Film(0, boxes(*[(0, 0, side)] * length), length) for side, length in ((20, 50), (60, 10), (60, 12))]
    assert (choose(films, "largest").index, choose(films, "longest").index) == (1, 0)
    assert choose(films[:1], "longest").because == "the only face"


def test_the_mouth_that_moves_with_the_sound() -> None:
    loudness = np.abs(np.sin(np.arange(60) / 4))
    films = [Film(10, boxes(*[(0, 0, 20 + k)] * 40), 8) for k in range(3)]
    still, other, with_it = np.zeros(40), np.abs(np.cos(np.arange(10, 50) / 4)), loudness[10:50] * 7 + 1
    chosen = choose_speaking(films, [still, other, with_it], loudness)
    assert chosen.index == 2
    assert chosen.speaking[0] is None
    assert chosen.speaking[2] == pytest.approx(1.0)
    assert chosen.speaking[1] < 0
    silent = choose_speaking(films, [still, other, with_it], np.zeros(60))
    assert (silent.index, silent.speaking) == (2, (None, None, None))
    against = choose_speaking(films, [1 - loudness[10:50], other, still], loudness)
    assert against.index == 2
    assert max(value for value in against.speaking if value is not None) < 0.1
    assert "the largest, for no mouth moves with the sound" == silent.because == against.because


def test_mouth_motion_and_loudness_of_frames() -> None:
    halves = [np.full((2, 2), value, np.uint8) for value in (10, 250, 250, 0)]
    assert mouth_motion(halves).tolist() == [240, 240, 0, 250]
    assert mouth_motion(halves[:1]).tolist() == [0]
    sound = np.concatenate([np.zeros(1000), np.full(1000, 0.5)]).astype(np.float32)
    loud = loudness_of_frames(sound, 1000, np.arange(5) * 0.5)
    assert loud == pytest.approx([0, 0, 0.5 / np.sqrt(2), 0.5, 0.5])
    assert loudness_of_frames(sound, 1000, np.array([0.0])) == pytest.approx([0.5 / np.sqrt(2)])


# Pictures.


@pytest.mark.parametrize("square", [(-10, -10, 30), (80, 50, 30), (5, 5, 20)])
def test_what_lies_outside_repeats_the_border(square: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3)).astype(np.uint8)
    left, top, side = square
    padded = np.pad(pixels, ((50, 50), (50, 50), (0, 0)), mode="edge")
    assert (crop(pixels, square, side) == padded[top + 50 :, left + 50 :][:side, :side]).all()


@pytest.mark.parametrize(
    ("policy", "shape"), [("none", (64, 96, 3)), ("center", (112, 112, 3)), ("center:32", (32, 32, 3))]
)
def test_whole_frames_and_their_centres(tmp_path: Path, policy: str, shape: tuple[int, ...]) -> None:
    clip = Clip("a", make_media(tmp_path / "a.mp4", audio=False))
    seen = FacePolicy.parse(policy).crops(clip, lambda number: [number - 1, 3, 3])
    assert seen.frames.shape == (3, *shape)
    assert seen.frames.dtype == np.uint8
    assert [round(float(frame[10, shape[1] // 2].mean()) / 5) for frame in seen.frames] == [24, 3, 3]
    middle = seen.frames[1, shape[0] // 2].astype(int)
    red = float((middle[:, 0] - middle[:, 1] > 120).mean())  # A quarter of the picture, an eighth of its middle.
    assert red == pytest.approx(1 / 4 if policy == "none" else 1 / 8, abs=0.01)
    whole = str(FacePolicy.parse(policy))
    assert seen.record == {"faces": whole, "num_frames": 25, "positions": [24, 3, 3]}


def test_faces_that_openface_has_cut_out(tmp_path: Path) -> None:
    stack = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
    np.save(tmp_path / "a.npy", stack)
    (tmp_path / "b").mkdir()
    policy = FacePolicy.parse(f"folder:{tmp_path}")
    policy.require()
    seen = policy.crops(Clip("a", Path("gone.mp4")), even(3))
    assert (seen.frames == stack[[1, 3, 5], ..., ::-1]).all()
    assert seen.record == {"faces": f"folder:{tmp_path}", "num_frames": 6, "positions": [1, 3, 5]}
    with pytest.raises(NoFace):
        policy.crops(Clip("b", Path("gone.mp4")), even(3))


def test_a_clip_without_a_face_is_said_to_have_none(tmp_path: Path) -> None:
    clip = Clip("a", make_media(tmp_path / "a.mp4", audio=False))
    with pytest.raises(NoFace, match=r"a\.mp4: no face is found in its 25 frames; .* faces=center"):
        FacePolicy.parse("detector").crops(clip, even(4))


@pytest.mark.parametrize(("most", "expected"), [(120, [0, 5, 10, 15, 20]), (4, [0, 7, 14, 21]), (1, [0])])
def test_a_long_clip_is_looked_at_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, expected: list[int]
) -> None:
    levels: dict[str, list[int]] = {"upright": [], "bowed": []}

    def noting(kind: str):
        def find(grey: np.ndarray) -> np.ndarray:
            levels[kind].append(round(float(grey[32, 48]) / 5))
            return boxes()

        return find

    monkeypatch.setattr(face_films, "MOST_LOOKS", most)
    monkeypatch.setattr(face_films, "boxes_of_faces", noting("upright"))
    monkeypatch.setattr(face_films, "boxes_of_bowed_faces", noting("bowed"))
    with pytest.raises(NoFace):
        FacePolicy.parse("detector").crops(Clip("a", make_media(tmp_path / "a.mp4", audio=False)), even(1))
    assert levels == {"upright": expected, "bowed": expected[::2]}


def test_a_turned_film_of_a_phone_shows_the_same_face(shared: Path, tmp_path: Path) -> None:
    upright = film(tmp_path / "a.mp4", face_of(shared / "clips"), lambda _: [(60.0, 30.0, 190.0)], num_frames=11)
    whole = FacePolicy.parse("none").crops(Clip("a", upright), even(1)).frames[0]
    turned = tmp_path / "b.mp4"
    with av.open(str(turned), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "10", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = whole.shape[0], whole.shape[1], "yuv420p"
        for _ in range(11):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(whole)), "rgb24")))
        container.mux(video.encode(None))
    with pytest.raises(NoFace):
        FacePolicy.parse("detector").crops(Clip("b", turned), even(1))
    seen = FacePolicy.parse("detector").crops(Clip("b", rotate_by_metadata(turned)), even(1))
    first = FacePolicy.parse("detector").crops(Clip("a", upright), even(1))
    assert np.abs(np.subtract(seen.record["boxes"][5], first.record["boxes"][5])).max() <= 4


@pytest.mark.parametrize("name", FACES)
def test_real_faces_fill_their_crops(shared: Path, name: str) -> None:
    clip = Clip(name, shared / "clips" / f"{name}.mp4", span=Span(0.4, 1.0))
    seen = FacePolicy.parse("detector").crops(clip, even(2))
    assert seen.frames.shape == (2, 112, 112, 3)
    record = json.loads(json.dumps(seen.record))
    assert len(record["boxes"]) == record["num_frames"]
    assert record["num_tracks"] == 1
    assert record["is_bowed"] == (name == "sample_00000727")
    for left, top, side in (record["boxes"][position] for position in record["positions"]):
        face = np.array([left + side / 2, top + side / 2, side / 1.3])
        assert overlap(face, np.array(FACES[name], dtype=np.float64)) > 0.5


# Made films of two people.


@pytest.fixture(scope="module")
def face(shared: Path) -> Image.Image:
    return face_of(shared / "clips")


def two(number: int) -> list[tuple[float, float, float]]:
    """A large face at the left that leaves after 20 frames, and a small one that stays; both move."""
    large = [(10.0 + number, 40.0, 170.0)] if number < 20 else []
    return [(250.0 + number, 90.0 - number, 110.0), *large]


@pytest.fixture(scope="module")
def two_faces(face: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "two.mp4", face, two, num_frames=36)


@pytest.mark.parametrize(("policy", "who", "frames"), [("largest", 1, 16), ("longest", 0, 36)])
def test_of_two_faces_the_larger_or_the_longer(two_faces: Path, policy: str, who: int, frames: int) -> None:
    clip = Clip("two", two_faces)
    seen = FacePolicy.parse(f"detector:{policy}:64").crops(clip, even(3))
    assert (seen.record["num_tracks"], seen.record["num_frames"]) == (2, 36)
    squares = seen.record["boxes"]
    assert [square is not None for square in squares] == [True] * frames + [False] * (36 - frames)
    for number in range(frames):
        left, top, side = squares[number]
        pasted_left, pasted_top, pasted = two(number)[who]
        assert pasted_left - 0.1 * pasted < left < left + side < pasted_left + 1.1 * pasted
        assert pasted_top - 0.1 * pasted < top < top + side < pasted_top + 1.1 * pasted
    assert np.abs(np.diff(np.array(squares[:frames]), axis=0)).max() <= 4, "the crop does not jump"
    again = FacePolicy.parse(f"detector:{policy}:64").crops(clip, even(3))
    assert (again.frames == seen.frames).all()
    assert again.record == seen.record


@pytest.mark.parametrize("who", [0, 1])
def test_of_two_faces_the_one_that_speaks(face: Image.Image, tmp_path: Path, who: int) -> None:
    rng = np.random.default_rng(who)
    syllables = np.repeat(rng.uniform(0, 1, 8) * (np.arange(8) % 2), 5)
    other = np.repeat(rng.uniform(0, 1, 8) * (np.arange(8) % 3 == 0), 5)

    def open_mouth(person: int, number: int) -> float:
        return float((syllables if person == who else other)[number] * (number % 2))

    carrier = np.sin(2 * np.pi * 220 * np.arange(40 * RATE_HZ // FPS) / RATE_HZ)
    sound = np.repeat(syllables, RATE_HZ // FPS) * carrier * 0.5
    places = [(20.0, 60.0, 150.0), (220.0, 60.0, 150.0)]
    path = film(tmp_path / "a.mkv", face, lambda _: places, num_frames=40, open_mouth=open_mouth, sound=sound)
    seen = FacePolicy.parse("detector:speaking").crops(Clip("a", path), even(1))
    assert seen.record["because"] == "the one whose mouth moves with the sound"
    left = seen.record["boxes"][0][0]
    assert abs(left - places[who][0]) < 60
    correlations = sorted(value for value in seen.record["speaking"])
    assert correlations[1] > 0.5 > correlations[0]


def test_who_speaks_cannot_be_told_without_sound(two_faces: Path) -> None:
    with pytest.raises(
        NoAudioTrack, match=r"there are 2 faces, and no sound to tell who speaks.*faces=detector:largest"
    ):
        FacePolicy.parse("detector:speaking").crops(Clip("two", two_faces), even(1))
