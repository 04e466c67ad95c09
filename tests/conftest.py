"""Fixtures: where recorded data lies, and a place for helpers that several test files import."""

import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / "shared"
sys.path.insert(0, str(Path(__file__).parent))  # media_factory, model_factory


@pytest.fixture(scope="session")
def shared() -> Path:
    """Recorded data beside the checkout; tests that need it skip where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"{SHARED}/data is absent")
    return SHARED / "data"
