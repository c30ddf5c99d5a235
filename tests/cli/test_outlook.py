"""What a PBX does not tell of watched extensions, and when there is nothing to wait for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sipclient.call import Call
from sipclient.cli.call import _show as show
from sipclient.cli.outlook import Outlook
from sipclient.cli.words import and_more
from sipclient.face.course import CallState
from sipclient.presence import State
from sipclient.protocol.events import CallEnded, ExtensionChanged, WatchProblem


class Nowhere:
    """A line that a call which does nothing needs."""

    def do(self, command: object) -> None: ...

    def tell(self, event: object) -> None: ...

    def spawn(self, work: object) -> None: ...


class Scene:
    """An outlook, and what it said; `moment` is what it wants done a little later."""

    def __init__(self, *extensions: str, **only: tuple[str, ...]) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.said: list[str] = []
        packages = dict.fromkeys(extensions, ("presence", "dialog")) | only
        self.outlook = Outlook(packages, self.waiting.append, lambda who, text: self.said.append(f"{who} {text}"))

    def problem(
        self, extension: str, package: str, status: int = 404, reason: str = "Not Found", retry_in: float = 60.0
    ) -> None:
        self.outlook.problem(WatchProblem(1, "pbx", extension, package, status, reason, retry_in))

    def changed(self, extension: str, before: State, after: State) -> None:
        self.outlook.changed(ExtensionChanged(1, "pbx", extension, before, after, 0, False, False, False, ""))

    def moment(self) -> list[str]:
        while self.waiting:
            self.waiting.pop()()
        said, self.said = self.said, []
        return said


@pytest.fixture
def scene() -> Scene:
    return Scene("1001", "1002")


def test_no_terminal_obeys_a_server(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.problem("1001", "dialog", 404, "\x1b[2J\u202eNot Found")
    assert scene.moment() == ["1001 no dialog: 404 \\x1b[2J\\u202eNot Found; next try in 60 s"]
    call = Call(Nowhere(), 1, "pbx", "7000", None)
    call.handle(CallEnded(1, 486, "USER_BUSY", 17, "\x1b[2JBusy", "remote", False))
    show(call, CallState.ENDED, 1.0)
    assert capsys.readouterr().out == "   1.00 s  failed: 486 USER_BUSY by remote (\\x1b[2JBusy)\n"


def test_both_packages_refused_are_one_line(scene: Scene) -> None:
    scene.problem("1001", "presence", retry_in=61)
    scene.problem("1001", "dialog", retry_in=58)
    assert scene.moment() == ["1001 no presence or dialog: 404 Not Found; next try in 58 s"]


def test_the_same_refusal_is_said_once_until_something_changed(scene: Scene) -> None:
    scene.problem("1001", "dialog", 489, "Bad Event", -1)
    assert scene.moment() == ["1001 no dialog: 489 Bad Event; not tried again"]
    scene.problem("1001", "dialog", 489, "Bad Event", -1)
    assert scene.moment() == []
    scene.changed("1001", State.UNKNOWN, State.READY)
    scene.problem("1001", "dialog", 489, "Bad Event", -1)
    assert scene.moment() == ["1001 no dialog: 489 Bad Event; not tried again"]


def test_a_refused_package_is_told_of_though_the_other_speaks(scene: Scene) -> None:
    scene.problem("1001", "presence", 489, "Bad Event")
    scene.changed("1001", State.UNKNOWN, State.READY)
    assert scene.moment() == ["1001 no presence: 489 Bad Event; next try in 60 s"]


def test_reasons_that_differ_are_both_told(scene: Scene) -> None:
    scene.problem("1001", "presence", 489, "Bad Event", -1)
    scene.problem("1001", "dialog", 0, "no answer")
    assert scene.moment() == ["1001 no presence: 489 Bad Event, no dialog: no answer; next try in 60 s"]


def test_what_is_asked_for_anew_at_once_is_no_trouble(scene: Scene) -> None:
    scene.problem("1001", "presence", 481, "Subscription does not exist", 0.0)
    scene.problem("9999", "presence")  # of somebody else's watch
    assert scene.moment() == []


def test_nothing_can_be_seen_once_all_is_refused(scene: Scene) -> None:
    for extension in ("1001", "1002"):
        assert not scene.outlook.hopeless
        scene.problem(extension, "presence")
        scene.problem(extension, "dialog")
    assert scene.outlook.hopeless
    assert scene.outlook.verdict() == "nothing can be seen of 1001, 1002: 404 Not Found"
    assert scene.moment() == []  # the verdict has said it


def test_the_verdict_has_every_reason() -> None:
    scene = Scene("1001", "1002")
    scene.problem("1001", "presence", 489, "Bad Event")
    scene.problem("1001", "dialog")
    scene.problem("1002", "presence", 403, "Forbidden")
    scene.problem("1002", "dialog", 403, "Forbidden")
    assert (
        scene.outlook.verdict() == "nothing can be seen of 1001: 489 Bad Event, 404 Not Found; of 1002: 403 Forbidden"
    )


def test_what_was_seen_once_is_waited_for(scene: Scene) -> None:
    scene.changed("1001", State.UNKNOWN, State.READY)
    scene.changed("1001", State.READY, State.UNKNOWN)
    for extension in ("1001", "1002"):
        scene.problem(extension, "presence", 0, "no answer")
        scene.problem(extension, "dialog", 0, "no answer")
    assert not scene.outlook.hopeless
    assert len(scene.moment()) == 2


@pytest.mark.parametrize(("count", "text"), [(1, "0"), (6, "0, 1, 2, 3, 4, 5"), (7, "0, 1, 2, 3, 4 and 2 more")])
def test_so_many_names_as_one_can_read(count: int, text: str) -> None:
    assert and_more([str(number) for number in range(count)]) == text


def test_an_extension_watched_through_one_package_is_dark_where_that_is_refused() -> None:
    scene = Scene("1001", boss=("dialog",))
    scene.problem("boss", "dialog", 489, "Bad Event")
    assert not scene.outlook.hopeless
    scene.problem("1001", "dialog")
    assert not scene.outlook.hopeless
    scene.problem("1001", "presence")
    assert scene.outlook.hopeless
