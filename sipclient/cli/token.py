"""`sipclient token NAME`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, cast, get_args

import typer

from sipclient.cli.options import seconds
from sipclient.errors import InvalidValue
from sipclient.robot.robot import utc_now
from sipclient.robot.tokens import Scope, make_token, revoke_token

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who has it: postman, wallboard.")],
    scope: Annotated[str, typer.Option("--scope", help="read, call (read and place calls) or admin.")] = "read",
    file: Annotated[str, typer.Option("--file", help="Where its hash is kept.")] = "tokens.toml",
    expires: Annotated[str, typer.Option("--expires", help="How long it is good: 90d.")] = "",
    revoke: Annotated[bool, typer.Option("--revoke", help="Take it back.")] = False,
) -> None:
    """Print it once, alone on a line; a robot that runs takes it from then on."""
    if not _NAME.fullmatch(name):
        raise InvalidValue(f"{name!r} is no name of a token: letters, digits and . _ -, 64 at most")
    if revoke:
        revoke_token(file, name)
        return
    scopes = get_args(Scope)
    if scope not in scopes:
        raise InvalidValue(f"--scope is {', '.join(scopes[:-1])} or {scopes[-1]}, not {scope!r}")
    now, limit = utc_now(), seconds("--expires", expires)
    if expires and not limit:
        raise InvalidValue("--expires: a token that is good for no time lets nobody in: say how long it is")
    print(make_token(file, name, cast(Scope, scope), now, now + timedelta(seconds=limit) if limit else None))
