"""The commands and their options.

Only the module of the command that is asked for is imported, so that `sipclient check` waits for no network code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Annotated, Any

import typer

from sipclient import __version__
from sipclient.config.values import did_you_mean
from sipclient.errors import InvalidValue

# Each is a function of the same name in the module of that name in this package.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "demo": "Show the main job, with no PBX at hand.",
        "run": "Run a robot.toml until told to stop.",
        "check": "Say what is wrong with a robot.toml.",
        "call": "Place a call and show how it goes.",
        "bridge": "Call one number, then another, and join them.",
        "watch": "Show the state of extensions.",
        "replay": "Show what we would have done in a captured trace.",
        "ladder": "Draw a trace: hosts, and messages between them.",
        "explain": "Say what went wrong in a trace, and why.",
        "convert": "Write a trace in another form.",
        "token": "Make a token for the HTTP API.",
        "lab": "Start an embedded PBX to try rules on.",
    }
)


WRONG = 2
# typer's own errors of use; which package they come from has changed between its versions.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def run(arguments: Sequence[str]) -> int:
    """Run a command: its exit status. Raises InvalidValue for wrong use, and whatever the command raises."""
    if not arguments:
        build(["--help"])(args=["--help"], prog_name="sipclient", standalone_mode=False)
        return WRONG
    name = arguments[0]
    if not name.startswith("-") and name not in installed():
        raise InvalidValue(
            f"there is no command {name!r}{did_you_mean(name, installed())}; there are {', '.join(installed())}"
        )
    try:
        status = build(arguments)(args=list(arguments), prog_name="sipclient", standalone_mode=False)
    except _UsageError as error:
        raise _wrong_use(error) from None
    return status if isinstance(status, int) else 0


def _wrong_use(error: Any) -> InvalidValue:
    words = " ".join(error.format_message().split()).rstrip(".").replace("Value error, ", "")
    path = error.ctx.command_path if error.ctx is not None else "sipclient"
    return InvalidValue(f"{words[:1].lower()}{words[1:]}: see {path} --help")


def build(arguments: Sequence[str]) -> typer.Typer:
    """The application for these arguments: with one command where they name one, else with all."""
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        help="A lightweight SIP user agent: watches extensions, and calls when one becomes ready.",
    )
    app.callback()(_root)
    named = next((word for word in arguments if not word.startswith("-")), "")
    for name in [named] if named in installed() else installed():
        app.command(name, help=COMMANDS[name])(command(name))
    return app


def installed() -> list[str]:
    """The commands whose modules are there."""
    return [name for name in COMMANDS if find_spec(f"sipclient.cli.{name}") is not None]


def command(name: str) -> Callable[..., Any]:
    """The function of a command."""
    function: Callable[..., Any] = getattr(import_module(f"sipclient.cli.{name}"), name)
    return function


def _version(wanted: bool) -> None:
    if wanted:
        print(f"sipclient {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass
