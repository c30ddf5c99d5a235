"""aiosip 0.2.0 (2017) as an independent peer: the shim that lets it be imported, and a registrar made with it."""

from __future__ import annotations

import asyncio
import collections
import collections.abc
import functools
import importlib
import types
from typing import Any

from interop.processes import HOST, free_port, lacking

PIDF = (
    '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:1001@pbx">'
    '<tuple id="1"><status><basic>open</basic></status></tuple><note>{}</note></presence>'
)


def import_aiosip() -> Any:
    """The package as if Python were 3.6: it wants `asyncio.coroutine` (gone in 3.11) and `collections.MutableMapping`
    (gone in 3.10), both only while its classes are made."""
    asyncio.coroutine = types.coroutine  # type: ignore[attr-defined]
    collections.MutableMapping = collections.abc.MutableMapping  # type: ignore[attr-defined]
    try:
        return importlib.import_module("aiosip")
    except ModuleNotFoundError as error:
        lacking(f"aiosip is not installed here ({error.name} is missing)")
    finally:
        del asyncio.coroutine, collections.MutableMapping  # type: ignore[attr-defined]


class Registrar:
    """Takes REGISTER and SUBSCRIBE, and notifies of presence. `seen` are the requests as aiosip parsed them."""

    def __init__(self) -> None:
        self._aiosip = import_aiosip()
        self.port = free_port()
        self.seen: list[Any] = []
        self.answers: list[Any] = []  # to our NOTIFYs
        self._dialogs: list[Any] = []  # aiosip itself holds them weakly
        self._app: Any = None

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._app = self._aiosip.Application(loop=_Reusing(loop))
        for method, handler in (("REGISTER", self._register), ("SUBSCRIBE", self._subscribe)):
            self._app.router.add_route(method, handler)
        protocol = importlib.import_module("aiosip.protocol").UDP
        await self._app.create_connection(protocol, (HOST, self.port), None, mode="server")

    def close(self) -> None:
        """Close its sockets."""
        for transport in self._app._transports.values():
            transport.close()

    async def _register(self, dialog: Any, message: Any) -> None:
        self._keep(dialog, message)
        self._reply(dialog, message, {"Expires": "120"})

    async def _subscribe(self, dialog: Any, message: Any) -> None:
        self._keep(dialog, message)
        self._reply(dialog, message, {"Expires": "120"})
        if message.headers["Event"] == "presence":
            await self.notify(dialog, message, "Ready")

    def _keep(self, dialog: Any, message: Any) -> None:
        message.to_details.add_tag()  # else it makes a new one for each message it sends
        self.seen.append(message)
        self._dialogs.append(dialog)

    @staticmethod
    def _reply(dialog: Any, message: Any, more: dict[str, str]) -> None:
        copied = {name: message.headers[name] for name in ("Via", "CSeq", "Call-ID")}
        headers = type(message.headers)({**copied, **more})
        dialog.send_reply(200, "OK", to_details=message.to_details, from_details=message.from_details, headers=headers)

    async def notify(self, dialog: Any, subscribe: Any, note: str) -> None:
        """Send a NOTIFY in the dialog of a SUBSCRIBE, and wait for its answer."""
        headers = type(subscribe.headers)(
            {"Event": "presence", "Subscription-State": "active;expires=120", "Call-ID": dialog.call_id}
        )
        answer = dialog.send_message(
            "NOTIFY",
            to_details=subscribe.from_details,
            from_details=subscribe.to_details,
            headers=headers,
            content_type="application/pidf+xml",
            payload=PIDF.format(note),
        )
        self.answers.append(await answer)

    async def tell(self, note: str) -> None:
        """Notify whoever watches presence."""
        for dialog, message in zip(self._dialogs, self.seen, strict=True):
            if message.headers.get("Event") == "presence":
                await self.notify(dialog, message, note)


class _Reusing:
    """An event loop whose datagram endpoints may share a port, as they did when aiosip was written: it binds its own
    once more for each peer that it answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.create_datagram_endpoint = functools.partial(loop.create_datagram_endpoint, reuse_port=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)
