"""The page that a browser shows: three files of ours, and a policy that lets it load nothing else."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import APIRouter, Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; media-src blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Browsers refuse everything that comes from another machine, and scripts that come with an answer."""

FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
"""Address -> file and its type."""


def routes() -> APIRouter:
    """One route a file. What the page shows comes from the API."""
    router = APIRouter(include_in_schema=False)
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }
    for address, (name, kind) in FILES.items():
        response = Response((Path(__file__).parent / name).read_bytes(), media_type=kind, headers=headers)
        router.add_api_route(address, _giving(response), methods=["GET"], response_model=None)
    return router


def _giving(response: Response) -> Callable[[], Awaitable[Response]]:
    async def file() -> Response:
        return response

    return file
