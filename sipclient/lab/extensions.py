"""What every extension is doing: from its calls, from what it published, or because somebody said so."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sipclient.lab.values import Dialog, User, View
from sipclient.presence import State

_BUSIEST = (State.ON_THE_PHONE, State.ON_HOLD, State.RINGING)


class Extensions:
    """The states of all extensions. `changed` hears the extension of every view that is another one now.

    A state that was set holds against everything until it is set to None; then calls decide, then what the
    extension published, then whether it has a phone.
    """

    def __init__(
        self, users: Mapping[str, User], registered: Callable[[str], bool], changed: Callable[[str], None]
    ) -> None:
        self._users = users
        self._registered = registered
        self._changed = changed
        self._dialogs: dict[str, dict[int, Dialog]] = {}
        self._set: dict[str, State] = {}
        self._published: dict[str, State] = {}
        self._told: dict[str, View] = {}

    def view(self, extension: str) -> View:
        """What there is to tell of it."""
        user = self._users[extension]
        state = self._set.get(extension)
        dialogs = tuple(self._dialogs.get(extension, {}).values())
        if state is not None:
            dialogs = (Dialog(f"{extension}-set", state, False, ""),) if state in _BUSIEST else ()
        elif dialogs:
            states = {dialog.state for dialog in dialogs}
            state = next(each for each in _BUSIEST if each in states)
        else:
            state = self._published.get(extension)
        if state is None:
            state = State.READY if self._registered(extension) else State.OFFLINE
        return View(extension, user.name, state, dialogs)

    def state(self, extension: str) -> State:
        """Its state now."""
        return self.view(extension).state

    def set(self, extension: str, state: State | None) -> None:
        """Say what it does, whatever it does; None takes that back."""
        _put(self._set, extension, state)
        self.look(extension)

    def publish(self, extension: str, state: State | None) -> None:
        """What it says of itself; None: nothing any more."""
        _put(self._published, extension, state)
        self.look(extension)

    def call(self, extension: str, id: int, dialog: Dialog | None) -> None:
        """One of its calls is so now; None: it is over."""
        if extension not in self._users:
            return
        dialogs = self._dialogs.setdefault(extension, {})
        if dialog is not None:
            dialogs[id] = dialog
        else:
            dialogs.pop(id, None)
        if not dialogs:
            del self._dialogs[extension]
        self.look(extension)

    def look(self, extension: str) -> None:
        """Tell of it if there is something new to tell."""
        view = self.view(extension)
        if view != self._told.get(extension):
            self._told[extension] = view
            self._changed(extension)


def _put(states: dict[str, State], extension: str, state: State | None) -> None:
    if state is None:
        states.pop(extension, None)
    else:
        states[extension] = state
