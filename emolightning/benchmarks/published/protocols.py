"""How the published figures were measured: the protocols of all cards, and of the benchmarks that have none."""

from collections.abc import Mapping
from functools import cache

from emolightning.benchmarks.published.elsewhere import PROTOCOLS as ELSEWHERE
from emolightning.benchmarks.registry import cards, official_benchmarks
from emolightning.records.benchmark import Protocol


@cache
def all_protocols() -> Mapping[str, Protocol]:
    """Name -> protocol."""
    of_cards = [protocol for card in cards().values() for protocol in card.protocols]
    return {protocol.name: protocol for protocol in (*of_cards, *ELSEWHERE)}


def official_clips(benchmark: str) -> int | None:
    """Number of clips that are scored on a benchmark; None if unknown."""
    official = official_benchmarks().get(benchmark)
    return official.num_clips if official else None


def expected_clips(protocol: Protocol) -> int | None:
    """How many clips a run should have."""
    return protocol.num_clips or official_clips(protocol.benchmark)
