"""What the user says of transfers: Transfer, AnswerTransfer, TellTransfer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sipclient.message import check_header_value
from sipclient.protocol.checks import check_headers, check_status
from sipclient.protocol.core import Core
from sipclient.protocol.dialog import Dialogs
from sipclient.protocol.events import AnswerTransfer, InCallResponded, TellTransfer, Transfer
from sipclient.protocol.session import Session
from sipclient.protocol.station import Station, call_of


class TransferCommands:
    """The commands of transfers. One for a call or a transfer that is over by now is passed over."""

    def __init__(self, core: Core, dialogs: Dialogs, stations: dict[str, Station]) -> None:
        self._core = core
        self._dialogs = dialogs
        self._stations = stations
        self.commands: Mapping[type, Callable[[Any], None]] = MappingProxyType(
            {Transfer: self._transfer, AnswerTransfer: self._answer, TellTransfer: self._tell}
        )

    def _transfer(self, command: Transfer) -> None:
        check_headers(command.headers)
        call = call_of(self._stations, command.id)
        to = call.line.target_uri(command.to) if call is not None and command.to else ""
        asked = call.talking if call is not None else None
        other = self._talking(command.replaces)
        if call is None or asked is None or (command.replaces is not None and other is None):
            self._core.emit(InCallResponded(command.id, command.request, 481, "the call is not answered, or over"))
            return
        asked.transfer(command.request, to, other, command.headers)

    def _answer(self, command: AnswerTransfer) -> None:
        check_header_value(command.reason, "reason")
        check_status(command.status, 200)
        asked = self._dialogs.asked.get(command.request)
        if asked is not None:
            asked.answer(command.status, command.reason)

    def _tell(self, command: TellTransfer) -> None:
        check_header_value(command.reason, "reason")
        check_status(command.status, 100)
        asked = self._dialogs.asked.get(command.request)
        if asked is not None:
            asked.tell(command.status, command.reason)

    def _talking(self, id: int | None) -> Session | None:
        call = None if id is None else call_of(self._stations, id)
        return call.talking if call is not None else None
