"""What a robot.toml asks for that only an extra brings: a mistake where that is not installed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

from sipclient.config.draft import Draft
from sipclient.config.findings import Findings
from sipclient.config.lines import Path

Need: TypeAlias = tuple[Callable[[Draft], Iterator[Path]], str]


def note_what_lacks(draft: Draft, findings: Findings, lacking: Collection[str]) -> None:
    """Add an error for each setting that needs one of the extras `lacking` here."""
    for extra in lacking:
        for places, what in NEEDS[extra]:
            for path in places(draft):
                findings.error(path, f"{what} the extra: pip install 'sipclient[{extra}]'")


def _media(draft: Draft) -> Iterator[Path]:
    return (("accounts", name, "media") for name, each in draft.accounts.items() if each.media in ("srtp", "webrtc"))


def _codecs(draft: Draft) -> Iterator[Path]:
    wide = {"opus", "G722"}
    return (("accounts", name, "codecs") for name, each in draft.accounts.items() if wide & set(each.codecs))


def _websocket(draft: Draft) -> Iterator[Path]:
    servers = ((("accounts", name, "server"), each.server) for name, each in draft.accounts.items())
    return (path for path, server in servers if server.partition(":")[0].lower() in ("ws", "wss"))


def _browsers(draft: Draft) -> Iterator[Path]:
    return iter([("listen", "wss")] if draft.listen else [])


def _web(draft: Draft) -> Iterator[Path]:
    return iter([("web",)] if draft.web else [])


def _webhooks(draft: Draft) -> Iterator[Path]:
    return (("webhooks", place) for place in draft.webhooks)


def _postgresql(draft: Draft) -> Iterator[Path]:
    return iter([("store", "url")] if draft.store and draft.store.url.startswith("postgres") else [])


def _spans(draft: Draft) -> Iterator[Path]:
    return iter([("otel",)] if draft.otel else [])


NEEDS: Mapping[str, tuple[Need, ...]] = MappingProxyType(
    {
        "media": ((_media, "encrypted media need"), (_codecs, "opus and G722 need")),
        "ws": ((_websocket, "SIP over WebSocket needs"), (_browsers, "SIP over WebSocket needs")),
        "web": ((_web, "the HTTP API and the page need"), (_webhooks, "webhooks need")),
        "postgres": ((_postgresql, "PostgreSQL needs"),),
        "otel": ((_spans, "OpenTelemetry spans need"),),
    }
)
