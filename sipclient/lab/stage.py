"""A lab with phones of its own, that do what a console or a scenario says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from sipclient.errors import InvalidValue
from sipclient.lab.phone import Phone
from sipclient.lab.script import HangUp, PlaceCall, SetMessages, SetState, Step
from sipclient.lab.server import LabServer

Doing = PlaceCall | HangUp | SetState | SetMessages


class Stage:
    """The server and the phones that act; both are their owner's to open and close."""

    def __init__(self, server: LabServer, phones: Mapping[str, Phone]) -> None:
        self._server = server
        self._phones = phones

    def do(self, action: Doing) -> None:
        """Do it. Raises InvalidValue where there is no such extension, or no phone of ours that could do it."""
        match action:
            case PlaceCall():
                self._phone(action.extension).dial(action.to)
            case HangUp():
                if not self._phone(action.extension).hangup():
                    raise InvalidValue(f"{action.extension} has no call")
            case SetState():
                self._server.set_state(action.extension, action.state)
            case SetMessages():
                self._server.set_messages(action.extension, action.new)

    async def play(self, steps: Iterable[Step]) -> None:
        """Every step in its time. Raises as `do` does, at the first that cannot be done."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for step in steps:
            await asyncio.sleep(max(0.0, began + step.at - loop.time()))
            if isinstance(step.action, PlaceCall | HangUp | SetState | SetMessages):
                self.do(step.action)

    def status(self) -> list[str]:
        """A line for each extension."""
        lines = []
        for extension, user in self._server.pbx.users.items():
            whose = "the lab's phone" if extension in self._phones else "your phone"
            phone = whose if self._server.pbx.registered(extension) else "no phone"
            state = self._server.pbx.state(extension)
            watchers = self._server.pbx.watchers(extension)
            lines.append(f"{extension:8} {user.name:14} {state:14} {phone:16} {watchers} subscriptions")
        return lines

    def _phone(self, extension: str) -> Phone:
        phone = self._phones.get(extension)
        if phone is None:
            known = ", ".join(self._phones) or "none"
            raise InvalidValue(f"the lab has no phone for {extension} (it has: {known}); `state` works for any")
        return phone
