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

# Each is a function of the same name in the module of that name in this package.
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "run": "Run a robot.toml until told to stop.",
        "check": "Say what is wrong with a robot.toml.",
        "watch": "Show the state of extensions.",
        "call": "Place a call and show how it goes.",
        "lab": "Start an embedded PBX to try rules on.",
        "demo": "Show the main job, with no PBX at hand.",
    }
)


def build(arguments: Sequence[str]) -> typer.Typer:
    """The application for these arguments: with one command where they name one, else with all."""
    app = typer.Typer(
        no_args_is_help=True,
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
