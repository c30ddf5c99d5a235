"""Who watches whom: the notifier's policy (RFC 6665 §4.2), and what it tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sipclient.lab.documents import DIALOG_INFO, PIDF, SUMMARY, dialog_info, pidf, summary
from sipclient.lab.values import Dialog, Refusal, Settings, View
from sipclient.message import SipUri
from sipclient.protocol.events import (
    AcceptSubscription,
    Command,
    Notify,
    Reject,
    SubscribeReceived,
    Value,
)

_LAST_BREATH = 0.5  # seconds: below one, so that Expires says 0
PACKAGES = ("presence", "dialog", "message-summary")


class Watcher:
    """One subscription: who asks for what, and what was told."""

    __slots__ = ("address", "extension", "package", "told", "version")

    def __init__(self, extension: str, package: str, address: str) -> None:
        self.extension = extension
        self.package = package
        self.address = address
        self.version = 0
        self.told: dict[str, Dialog] | None = None  # None: everything is to be told


class Messages(Value, frozen=True):
    """Voice messages of an extension."""

    new: int = 0
    old: int = 0


class PresenceSource:
    """The subscriptions to the lab's extensions."""

    def __init__(self, settings: Settings, view: Callable[[str], View], do: Callable[[Command], None]) -> None:
        self._settings = settings
        self._view = view
        self._do = do
        self._watchers: dict[int, Watcher] = {}
        self._by_extension: dict[str, dict[int, Watcher]] = {}
        self._messages: dict[str, Messages] = {}

    def watchers(self, extension: str) -> int:
        """How many subscriptions there are to an extension."""
        return len(self._by_extension.get(extension, {}))

    def knows(self, id: int) -> bool:
        """Whether a subscription was accepted."""
        return id in self._watchers

    def subscribe(self, event: SubscribeReceived, extensions: Mapping[str, object]) -> None:
        """Accept and tell, or refuse. A refresh is told the state anew; `expires` 0 is told it a last time."""
        if event.id not in self._watchers:
            refusal = self._admit(event, extensions)
            if refusal is not None:
                self._do(Reject(event.id, refusal.status, refusal.reason, refusal.headers))
                return
        expires = min(event.expires, self._settings.max_expires)
        # The engine ends by itself what has expired: the last NOTIFY shall be ours, with a body as Asterisk sends it.
        self._do(AcceptSubscription(event.id, max(expires, _LAST_BREATH)))
        self._watchers[event.id].told = None
        self._notify(event.id, "active" if event.expires else "terminated")

    def gone(self, id: int) -> None:
        """A subscription ended."""
        watcher = self._watchers.pop(id, None)
        if watcher is not None:
            among = self._by_extension[watcher.extension]
            del among[id]
            if not among:
                del self._by_extension[watcher.extension]

    def changed(self, extension: str) -> None:
        """An extension's state is another one: tell whoever watches it."""
        for id, watcher in list(self._by_extension.get(extension, {}).items()):
            if watcher.package != "message-summary":
                self._notify(id, "active")

    def set_messages(self, extension: str, messages: Messages) -> None:
        """An extension has so many voice messages now."""
        self._messages[extension] = messages
        for id, watcher in list(self._by_extension.get(extension, {}).items()):
            if watcher.package == "message-summary":
                self._notify(id, "active")

    def _admit(self, event: SubscribeReceived, extensions: Mapping[str, object]) -> Refusal | None:
        uri = event.request.uri
        extension = uri.user_text if isinstance(uri, SipUri) else ""
        if event.package not in PACKAGES:
            return Refusal(489, "", (("Allow-Events", ", ".join(PACKAGES)),))
        if extension not in extensions:
            return Refusal(404)
        address = event.request.from_.uri
        watcher = Watcher(extension, event.package, str(address)[:256])
        self._watchers[event.id] = watcher
        self._by_extension.setdefault(extension, {})[event.id] = watcher
        return None

    def _notify(self, id: int, state: str) -> None:
        watcher = self._watchers[id]
        body, content_type = self._body(watcher)
        # Asterisk's last NOTIFY says terminated and no reason.
        self._do(Notify(id, body, content_type, state))

    def _body(self, watcher: Watcher) -> tuple[bytes, str]:
        settings, extension = self._settings, watcher.extension
        if watcher.package == "message-summary":
            messages = self._messages.get(extension, Messages())
            return summary(extension, settings.domain, messages.new, messages.old), SUMMARY
        view = self._view(extension)
        if watcher.package == "presence":
            return pidf(settings.dialect, view, settings.domain, watcher.address), PIDF
        body = dialog_info(settings.dialect, view, settings.domain, watcher.version, watcher.told)
        watcher.version += 1
        watcher.told = {dialog.id: dialog for dialog in view.dialogs}
        return body, DIALOG_INFO
