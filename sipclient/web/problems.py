"""Errors as HTTP tells them: `application/problem+json` (RFC 9457), whatever went wrong."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from sipclient.errors import DialLimitReached, InvalidValue, MediaError, NotAllowed, SipError, StoreError
from sipclient.robot.recordings import FolderUnusable
from sipclient.web.wording import in_words

MEDIA_TYPE = "application/problem+json"

log = logging.getLogger("sipclient.web")


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of an error. `code` is a stable word for programs, `detail` a sentence for people."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""
    code: str


class Refused(Exception):
    """A request that is answered with a problem."""

    def __init__(self, status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}


def problem(status: int, code: str, detail: str, instance: str = "") -> Problem:
    """The problem, its title that of the status."""
    title = HTTPStatus(status).phrase
    return Problem(type=f"about:blank#{code}", title=title, status=status, detail=detail, instance=instance, code=code)


def refused_by(error: SipError) -> Refused:
    """What an error of ours is in HTTP: who asked is to blame, or `[dial]`, or the state of things."""
    if isinstance(error, DialLimitReached):
        return Refused(503, "busy", str(error), {"Retry-After": "1"})
    if isinstance(error, NotAllowed):
        return Refused(403, "not-allowed", str(error))
    if isinstance(error, InvalidValue):
        return Refused(422, "invalid-value", str(error))
    if isinstance(error, FolderUnusable):
        return Refused(503, "recordings", f"{error}: nobody is called")
    if isinstance(error, MediaError):
        return Refused(409, "media", str(error))
    if isinstance(error, StoreError):
        return Refused(503, "store", f"it cannot be written down, and might be done twice: {error}")
    return Refused(409, "refused", str(error))


_CODES = {400: "bad-request", 404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "media-type"}


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """The answer to a request that failed; a bug is logged, and its text stays here."""
    if isinstance(error, SipError):
        error = refused_by(error)
    if isinstance(error, Refused):
        return _response(request, error.status, error.code, error.detail, error.headers)
    if isinstance(error, HTTPException) and error.status_code < 500:
        status, headers = error.status_code, dict(error.headers or {})
        code = _CODES.get(status, "bad-request")
        if status == 404:
            return _response(request, 404, code, f"there is no {request.url.path}", {})
        if status == 405:
            return _response(request, 405, code, f"{request.url.path} knows no {request.method}", headers)
        if status == 400 and isinstance(error.extra, list) and error.extra:
            return _response(request, 422, "invalid-value", "; ".join(map(_said, error.extra)), {})
        return _response(request, status, code, str(error.detail), headers)
    if isinstance(error, RecursionError):  # nothing of ours recurses: it is a body of ten thousand brackets
        return _response(request, 400, "bad-request", "the body is nested too deeply", {})
    log.exception("a bug in sipclient, please report it; it was handling %s %s", request.method, request.url.path,
                  exc_info=error)  # fmt: skip
    return _response(request, 500, "bug", "a bug in sipclient: its log has the details", {})


def _said(extra: Any) -> str:
    """One mistake of a body or a query: where, and what."""
    if not isinstance(extra, dict):
        return str(extra)
    where = str(extra.get("key", "")).removeprefix("in_")
    if where == "data":  # what is there has been read already
        return "a body is needed: a JSON object"
    said = in_words(str(extra.get("message", "")))
    return f"{where}: {said.removeprefix('the body: ')}" if where else said


def _response(
    request: Request[Any, Any, Any], status: int, code: str, detail: str, headers: dict[str, str]
) -> Response[Problem]:
    return Response(
        problem(status, code, detail, request.url.path), status_code=status, media_type=MEDIA_TYPE, headers=headers
    )
