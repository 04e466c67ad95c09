"""The face: a drawn head whose expression sets in a little after the clip starts.

Lengths are in head units (half the height of the head), y downwards, origin between nose and eyes; a `_Pen` turns
them into pixels, so that the head can sway, tilt and come nearer without any shape knowing of it.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]

SKINS = ((250, 214, 186), (238, 193, 156), (222, 171, 130), (196, 140, 100), (160, 108, 74), (128, 86, 60))
HAIRS = ((38, 30, 28), (72, 46, 32), (112, 70, 40), (150, 82, 44), (206, 164, 96), (150, 148, 150))
ROOMS = ((120, 158, 176), (168, 186, 152), (206, 188, 160), (160, 150, 186), (196, 160, 158), (140, 150, 160))
SHIRTS = ((44, 74, 112), (128, 48, 56), (54, 98, 82), (92, 76, 120), (70, 74, 82), (190, 140, 60))
IRISES = ((70, 48, 32), (60, 98, 132), (66, 106, 74), (88, 96, 104))
MOUTH_INSIDE = (74, 18, 26)
TONGUE = (196, 84, 92)
TEETH = (250, 248, 242)
SCLERA = (252, 252, 250)
BLUSH = (226, 92, 88)
LIP_RED = (168, 48, 60)

SUPERSAMPLING = 2
"""Drawn at twice the size and averaged down: PIL's shapes have hard edges."""


@dataclass(frozen=True)
class Looks:
    """What of an actor stays the same from clip to clip. Lengths in head units."""

    skin: Colour
    hair: Colour
    room: Colour
    shirt: Colour
    iris: Colour
    style: str
    """`short`, `long` or `bun`."""
    width: float
    jaw: float
    """How much the head narrows towards the chin."""
    eye_distance: float
    eye_size: float
    brow_weight: float
    nose: float
    lips: float


@dataclass(frozen=True)
class Expression:
    """Positions of the moving parts; all zero (eyes 1) is a face at rest. Lengths in head units."""

    mouth_open: float = 0.0
    mouth_width: float = 0.34
    smile: float = 0.0
    """How far the corners of the mouth are above its middle."""
    teeth: float = 0.0
    """Share of the open mouth that the upper teeth cover."""
    eyes: float = 1.0
    """Opening of the lids relative to rest."""
    brow_raise: float = 0.0
    brow_knit: float = 0.0
    """How far the inner ends of the brows come down and together."""
    cheeks: float = 0.0


EXPRESSIONS = {
    "still": Expression(),
    "agitated": Expression(
        mouth_open=0.29, mouth_width=0.30, smile=-0.05, teeth=0.16, eyes=1.75, brow_raise=0.15, brow_knit=0.13
    ),
    "smile": Expression(mouth_open=0.10, mouth_width=0.50, smile=0.21, teeth=0.80, eyes=0.30, cheeks=1.0),
}


def draw_looks(rng: np.random.Generator) -> Looks:
    """A new actor's looks."""

    def shade(palette: tuple[Colour, ...]) -> Colour:
        base = np.array(palette[rng.integers(len(palette))])
        red, green, blue = np.clip(base * rng.uniform(0.94, 1.06) + rng.uniform(-6, 6, 3), 0, 255).astype(int).tolist()
        return red, green, blue

    return Looks(
        skin=shade(SKINS),
        hair=shade(HAIRS),
        room=shade(ROOMS),
        shirt=shade(SHIRTS),
        iris=IRISES[rng.integers(len(IRISES))],
        style=("short", "long", "bun")[rng.integers(3)],
        width=rng.uniform(0.76, 0.86),
        jaw=rng.uniform(0.08, 0.24),
        eye_distance=rng.uniform(0.31, 0.36),
        eye_size=rng.uniform(0.92, 1.08),
        brow_weight=rng.uniform(0.055, 0.085),
        nose=rng.uniform(0.15, 0.20),
        lips=rng.uniform(0.035, 0.06),
    )


def draw_face(face: str, looks: Looks, num_frames: int, image_size: int, rng: np.random.Generator) -> np.ndarray:
    """A clip in which the expression of class `face` (`still`, `agitated` or `smile`) sets in and stays.

    It starts after 5-25 % of the clip and is complete before the middle: the first frame shows almost none of it.

    Returns:
        (num_frames, image_size, image_size, 3) uint8, RGB.
    """
    time = np.linspace(0, 1, num_frames)
    size = image_size * SUPERSAMPLING
    lively = {"still": 0.0, "agitated": 1.0, "smile": 0.5}[face]
    tempo, beat = rng.uniform(3.5, 5.5), rng.uniform(0, 1)
    wave = np.sin(2 * np.pi * (tempo * time + beat))
    onset = np.clip((time - rng.uniform(0.05, 0.25)) / 0.2, 0, 1)
    onset = onset**2 * (3 - 2 * onset)
    strength = rng.uniform(0.85, 1.1) * onset * (1 - 0.12 * lively * (1 + wave))
    rest = Expression(smile=rng.uniform(-0.02, 0.03), eyes=rng.uniform(0.9, 1.08), brow_raise=rng.uniform(-0.02, 0.02))
    # Three clips in ten blink, never in the middle: the one frame that some runs see.
    blink = rng.uniform(0.1, 0.3) + 0.55 * rng.integers(2) if rng.random() < 0.3 else 2.0
    drift = rng.uniform(-0.025, 0.025, 2) * np.sin(2 * np.pi * (time[:, None] * rng.uniform(0.3, 0.8) + beat))
    shake = 0.02 * lively * onset[:, None] * np.stack([np.cos(2 * np.pi * tempo * time), 0.6 * wave], axis=1)
    centres = 0.5 + rng.uniform(-0.02, 0.02, 2) + drift + shake
    zoom, tilt = rng.uniform(0.96, 1.04), np.radians(rng.uniform(-4, 4))
    backdrop = _draw_backdrop(looks, size, rng)
    frames = np.empty((num_frames, image_size, image_size, 3), dtype=np.uint8)
    for i in range(num_frames):
        expression = _blend(rest, EXPRESSIONS[face], strength[i])
        if abs(time[i] - blink) < 0.06:
            expression = replace(expression, eyes=0.05)
        picture = backdrop.copy()
        _draw_person(_Pen(ImageDraw.Draw(picture), size, centres[i], zoom, tilt), looks, expression)
        frames[i] = np.asarray(picture.reduce(SUPERSAMPLING))
    return _film(frames, rng)


def _blend(rest: Expression, goal: Expression, strength: float) -> Expression:
    """`rest` moved towards `goal` by `strength` (0-1, a little above 1 exaggerates)."""
    return Expression(
        **{
            part.name: getattr(rest, part.name) + strength * (getattr(goal, part.name) - getattr(rest, part.name))
            for part in fields(Expression)
        }
    )


def _draw_backdrop(looks: Looks, size: int, rng: np.random.Generator) -> Image.Image:
    """The actor's room: one colour, lit from a side that changes with the clip."""
    across, down = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
    light = 1 + 0.10 * (rng.uniform(-1, 1) * across - down)
    return Image.fromarray(np.clip(light[..., None] * looks.room, 0, 255).astype(np.uint8))


def _film(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exposure and sensor noise. frames: (num_frames, size, size, 3) uint8, and so returned."""
    exposure = rng.uniform(0.9, 1.08)
    grain = rng.integers(-3, 4, size=frames.shape[1:3], dtype=np.int16)
    # One grain field, rolled: drawing a new one per frame would cost as much as drawing the face.
    moves = rng.integers(0, frames.shape[1], size=(len(frames), 2))
    noise = np.stack([np.roll(grain, tuple(move), axis=(0, 1)) for move in moves])
    table = np.clip(np.arange(256) * exposure, 0, 255).astype(np.int16)
    return np.clip(table[frames] + noise[..., None], 0, 255).astype(np.uint8)


class _Pen:
    """Draws in head units on a picture in pixels."""

    def __init__(self, draw: ImageDraw.ImageDraw, size: int, centre: np.ndarray, zoom: float, tilt: float):
        self.draw = draw
        self.size = size
        self.centre = centre * size
        self.unit = 0.36 * zoom * size
        """Pixels per head unit."""
        turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
        self.matrix = self.unit * turn.T

    def place(self, points: np.ndarray) -> list[float]:
        """points: (n, 2) head units -> flat pixel coordinates."""
        return (np.asarray(points) @ self.matrix + self.centre).ravel().tolist()

    def polygon(self, points: np.ndarray, colour: Colour) -> None:
        self.draw.polygon(self.place(points), fill=colour)

    def ellipse(self, x: float, y: float, half_width: float, half_height: float, colour: Colour) -> None:
        self.polygon(_CIRCLE * (half_width, half_height) + (x, y), colour)

    def stroke(self, points: np.ndarray, weight: float, colour: Colour) -> None:
        """A line `weight` head units thick with round ends."""
        self.draw.line(self.place(points), fill=colour, width=max(1, round(weight * self.unit)), joint="curve")
        for x, y in (points[0], points[-1]):
            self.ellipse(x, y, weight / 2, weight / 2, colour)


_TURN = np.arange(32) * np.pi / 16
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
_SPAN = np.linspace(-1, 1, 15)


def _tint(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, int(channel * factor)) for channel in colour)
    return red, green, blue


def _mix(colour: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (int((1 - share) * a + share * b) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def _draw_person(pen: _Pen, looks: Looks, expression: Expression) -> None:
    shadow = _tint(looks.skin, 0.82)
    if looks.style == "long":
        pen.polygon(_head_outline(looks, 1.20, 1.10) * (1.0, 1.28) + (0, 0.18), _tint(looks.hair, 0.8))
    elif looks.style == "bun":
        pen.ellipse(0, -1.12, 0.30, 0.26, _tint(looks.hair, 0.85))
    pen.polygon(
        np.array([(-1.5, 2.2), (-1.15, 1.32), (-0.3, 1.12), (0.3, 1.12), (1.15, 1.32), (1.5, 2.2)]), looks.shirt
    )
    pen.polygon(np.array([(-0.30, 0.7), (0.30, 0.7), (0.34, 1.16), (0, 1.34), (-0.34, 1.16)]), shadow)
    for side in (-1, 1):
        pen.ellipse(side * looks.width * 0.99, 0.06, 0.12, 0.19, _tint(looks.skin, 0.92))
    pen.polygon(_head_outline(looks, 1.0, 1.0), looks.skin)
    _draw_hair(pen, looks)
    for side in (-1, 1):
        _draw_eye(pen, looks, expression, side)
    pen.stroke(np.array([(0.0, 0.0), (-0.05, looks.nose), (0.07, looks.nose + 0.05)]), 0.035, shadow)
    _draw_mouth(pen, looks, expression)


def _head_outline(looks: Looks, across: float, down: float) -> np.ndarray:
    """(32, 2): an ellipse that narrows below the eyes."""
    narrowing = 1 - looks.jaw * np.clip(_CIRCLE[:, 1], 0, 1) ** 2
    return np.stack([across * looks.width * _CIRCLE[:, 0] * narrowing, down * _CIRCLE[:, 1]], axis=1)


def _draw_hair(pen: _Pen, looks: Looks) -> None:
    """A cap between the outline of the skull and a parted hair line."""
    angle = np.linspace(np.pi * 1.02, np.pi * 1.98, 21)
    skull = np.stack([1.06 * looks.width * np.cos(angle), 1.08 * np.sin(angle)], axis=1)
    x = np.linspace(0.90, -0.90, 21)
    line = np.stack([looks.width * x, -0.66 + 0.50 * np.abs(x) ** 2.6 + 0.10 * x], axis=1)
    pen.polygon(np.concatenate([skull, line]), looks.hair)


def _draw_eye(pen: _Pen, looks: Looks, expression: Expression, side: int) -> None:
    x, y = side * looks.eye_distance, -0.12
    opening = 0.105 * looks.eye_size * expression.eyes
    half_width = 0.17 * looks.eye_size
    arch = np.stack([x + half_width * _SPAN, y - opening * (1 - _SPAN**2)], axis=1)
    if opening > 0.045:
        pen.ellipse(x, y, half_width, opening, SCLERA)
        iris = min(0.095, opening)
        pen.ellipse(x, y, 0.095, iris, looks.iris)
        pen.ellipse(x, y, 0.05, min(0.05, opening), (16, 12, 12))
        pen.ellipse(x + 0.035, y - 0.4 * iris, 0.02, 0.02, SCLERA)
    else:
        # Cheeks press the lids into an arch that is open downwards; a blink hangs the other way.
        arch[:, 1] = y + 0.04 + (0.05 - 0.14 * min(1.0, 2 * expression.cheeks)) * (1 - _SPAN**2)
    pen.stroke(arch, 0.035, _tint(looks.skin, 0.42))
    if expression.cheeks > 0.05:
        pen.ellipse(side * 0.65 * looks.width, 0.26, 0.17, 0.11, _mix(looks.skin, BLUSH, 0.35 * expression.cheeks))
    _draw_brow(pen, looks, expression, side, x, y)


def _draw_brow(pen: _Pen, looks: Looks, expression: Expression, side: int, x: float, y: float) -> None:
    knit, lift = expression.brow_knit, expression.brow_raise
    inner = x - side * (0.16 + 0.5 * knit), y - 0.23 - 0.7 * lift + 0.8 * knit
    peak = x + side * 0.04, y - 0.33 - 1.3 * lift
    outer = x + side * 0.22, y - 0.20 - 0.9 * lift
    step = (0.5 * (1 + _SPAN))[:, None]
    # A quadratic curve through nothing but its ends; `peak` pulls at it.
    curve = (1 - step) ** 2 * inner + 2 * step * (1 - step) * peak + step**2 * outer
    pen.stroke(curve, looks.brow_weight, _mix(_tint(looks.hair, 0.65), looks.skin, 0.15))
    if knit > 0.05:
        crease = np.array([(side * 0.05, y - 0.24), (side * 0.04, y - 0.12)])
        pen.stroke(crease, 0.025, _tint(looks.skin, 0.7))


def _draw_mouth(pen: _Pen, looks: Looks, expression: Expression) -> None:
    middle, x = 0.50, expression.mouth_width * _SPAN
    bow = expression.smile * (_SPAN**2 - 0.5)
    gape = expression.mouth_open * np.sqrt(1 - _SPAN**2)
    # A grin opens downwards only; a cry opens both ways.
    upper = middle - bow - 0.55 * gape
    lower = middle - bow + 1.25 * gape
    lip = _mix(looks.skin, LIP_RED, 0.4)
    rim = looks.lips * np.sqrt(1 - 0.8 * _SPAN**2)
    pen.polygon(_between(x * 1.05, upper - rim, lower + 1.2 * rim), lip)
    if expression.mouth_open < 0.02:
        pen.stroke(np.stack([x, upper], axis=1), 0.03, _tint(lip, 0.55))
        return
    pen.polygon(_between(x, upper, lower), MOUTH_INSIDE)
    pen.polygon(_between(0.92 * x, upper, upper + expression.teeth * (lower - upper)), TEETH)
    if expression.mouth_open > 0.15:
        pen.polygon(_between(0.7 * x, lower - 0.30 * (lower - upper), lower - 0.02), TONGUE)


def _between(x: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """The outline (2n, 2) of the area between two curves over x."""
    return np.concatenate([np.stack([x, upper], axis=1), np.stack([x, lower], axis=1)[::-1]])
