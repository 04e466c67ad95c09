"""What one client may ask of the server."""

from dataclasses import dataclass

MOST_CHARACTERS = 20_000
"""Longest transcript or question."""


@dataclass(frozen=True)
class Limits:
    """Bounds of each request; all are checked before or while it is read."""

    max_bytes: int = 64 * 2**20
    """Size of a whole request."""
    max_clip_seconds: float = 60.0
    """Length of a clip."""
    timeout_seconds: float = 120.0
    """Time to send a request, and again to answer it."""
    max_waiting: int = 16
    """Requests that wait while one is answered."""
    max_clips: int = 16
    """Clips of one request."""
