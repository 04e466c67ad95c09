"""What can be asked, and how busy the server is: `/card`, `/health`, `/examples/N`."""

import re
from collections.abc import Sequence
from dataclasses import asdict

from fastapi import APIRouter
from fastapi.responses import FileResponse

from emolightning.records.clips import Clip
from emolightning.serving.gate import Gate
from emolightning.serving.refusals import Refusal
from emolightning.serving.schema import Card, Cards, Example, Health
from emolightning.serving.service import Service


def routes(service: Service, gate: Gate, examples: Sequence[Clip], *, listens: bool = False) -> APIRouter:
    """The three routes; `listens` tells whether there is a speech recogniser."""
    router = APIRouter(tags=["about"])

    @router.get("/health")
    async def health() -> Health:
        """Whether the server is there, and how many requests wait."""
        limit = service.limits.max_waiting
        return Health(status="ok", waiting=gate.num_waiting, max_waiting=limit, runs=list(service.served))

    @router.get("/card")
    async def card() -> Cards:
        """The models, the limits, and the clips that one may try."""
        runs = [
            Card(
                run=name,
                labels=list(each.model.labels),
                question=each.model.question(),
                inputs=dict(each.inputs),
                doubts=re.findall(r"^\*\*(.+?)\*\*", each.card, flags=re.MULTILINE),
                card=each.card,
            )
            for name, each in service.served.items()
        ]
        offered = [Example(name=clip.video.name, transcript=clip.transcript) for clip in examples]
        return Cards(runs=runs, limits=asdict(service.limits), examples=offered, listens=listens)

    @router.get("/examples/{number}", response_class=FileResponse)
    async def example(number: int) -> FileResponse:
        """One of the clips that one may try."""
        if not 0 <= number < len(examples):
            raise Refusal(404, f"there are {len(examples)} examples; the first is 0")
        return FileResponse(examples[number].video, filename=examples[number].video.name)

    return router
