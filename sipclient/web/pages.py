"""The page: files of the package, as they are."""

from __future__ import annotations

from importlib.resources import files
from types import MappingProxyType

from litestar import Response, get
from litestar.params import FromPath

from sipclient.web.problems import Refused

_TYPES = MappingProxyType(
    {
        "html": "text/html; charset=utf-8",
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml",
        "png": "image/png",
        "ico": "image/x-icon",
        "woff2": "font/woff2",
        "webmanifest": "application/manifest+json",
    }
)


class Pages:
    """Read once: a name that is none of them is nothing on the disk either."""

    def __init__(self) -> None:
        folder = files("sipclient.web") / "page"
        self._files = {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}

    def file(self, name: str) -> Response[bytes]:
        """One of them."""
        content = self._files.get(name)
        kind = _TYPES.get(name.rpartition(".")[2])
        if content is None or kind is None:
            raise Refused(404, "not-found", f"there is no /{name}")
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})


PAGES = Pages()


@get("/", include_in_schema=False, opt={"open": True})
async def index() -> Response[bytes]:
    """The page."""
    return PAGES.file("index.html")


@get("/{name:str}", include_in_schema=False)
async def asset(name: FromPath[str]) -> Response[bytes]:
    """What belongs to it."""
    return PAGES.file(name)


PAGE = [index, asset]
