"""`load` and `check`: the text of a robot.toml in, a Config or what is wrong with it out.

Nothing is read here but through the arguments.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sipclient.config.checks import check_draft
from sipclient.config.draft import Draft, read_draft
from sipclient.config.extras import note_what_lacks
from sipclient.config.findings import Finding, Findings, config_error
from sipclient.config.lines import Lines
from sipclient.config.model import Config, DialConfig, StoreConfig
from sipclient.config.outside import Outside, check_outside
from sipclient.config.passwords import Sources
from sipclient.errors import ConfigError

NO_ENVIRON: Mapping[str, str] = {}
LONGEST_FILE = 4 * 1024 * 1024  # characters

_DEEP = re.compile(r"""(?<![\w."'-])(?:["']?[\w-]++["']?[ \t]*+\.[ \t]*+){100}""")  # a key of a hundred parts
_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def load(
    text: str,
    *,
    file: str = "robot.toml",
    environ: Mapping[str, str] = NO_ENVIRON,
    read: Callable[[str], str] | None = None,
    secrets: bool = True,
    lacking: Collection[str] = (),
) -> Config:
    """A robot.toml as checked values; raises ConfigError for its first mistake.

    `environ` and `read` give the values of `password_env` and the contents of `password_file` (`read` raises
    OSError where it cannot); with `secrets=False` none is asked for and passwords stay empty, as a replay
    needs none. `lacking`: the extras (`media`, `ws`, `web`, `postgres`, `otel`) that are not installed here.
    """
    draft, findings = _examine(text, file, Sources(environ, read, wanted=secrets), lacking)
    for finding in findings:
        if finding.severity == "error":
            raise config_error(finding)
    return _config(draft)


def check(
    text: str,
    *,
    file: str = "robot.toml",
    environ: Mapping[str, str] = NO_ENVIRON,
    read: Callable[[str], str] | None = None,
    outside: Outside | None = None,
    lacking: Collection[str] = (),
) -> list[Finding]:
    """Everything there is to say about a robot.toml, in the order of its lines.

    It has an error exactly where `load` with the same secrets at hand refuses: one that cannot be had is an error
    too. With `outside` there are errors too where a hook could not be run or the store not be opened.
    """
    return _examine(text, file, Sources(environ, read), lacking, outside)[1]


def _examine(
    text: str, file: str, sources: Sources, lacking: Collection[str], outside: Outside | None = None
) -> tuple[Draft, list[Finding]]:
    try:
        document, lines = _parse(text.removeprefix("\ufeff"), file)
    except ConfigError as error:
        return Draft(), [Finding("error", error.message, file, error.line, error.key)]
    findings = Findings(file, lines)
    draft = read_draft(document, sources, findings)
    check_draft(draft, findings)
    note_what_lacks(draft, findings, lacking)
    if outside is not None:
        check_outside(draft, outside, findings)
    return draft, findings.listed()


def _parse(text: str, file: str) -> tuple[dict[str, Any], Lines]:
    """The document and its lines. Raises ConfigError where it is no TOML."""
    if len(text) > LONGEST_FILE:
        raise ConfigError(f"the file is longer than {LONGEST_FILE} characters", file=file)
    if deep := _DEEP.search(text):  # tomllib would take seconds for each
        line = text.count("\n", 0, deep.start()) + 1
        raise ConfigError("lists or tables are nested too deeply", file=file, line=line)
    try:
        document = tomllib.loads(text)
        return document, Lines(text.replace("\r\n", "\n"))
    except RecursionError as error:
        raise ConfigError("lists or tables are nested too deeply", file=file) from error
    except ValueError as error:  # TOMLDecodeError, or a number Python refuses to read
        message = str(error)
        found = _AT.search(message)
        line = int(found[1]) if found and found[1] else text.count("\n") + 1 if found else 0
        message = message[: found.start()] if found else message
        raise ConfigError(f"this is no TOML: {message}", file=file, line=line) from error


def _config(draft: Draft) -> Config:
    return Config(
        accounts=draft.accounts,
        watch=tuple(draft.watch.values()),
        rules=tuple(draft.rules.values()),
        incoming=tuple(draft.incoming.values()),
        store=draft.store or StoreConfig(),
        web=draft.web,
        webhooks=tuple(draft.webhooks.values()),
        listen=draft.listen,
        hep=draft.hep,
        otel=draft.otel,
        dial=draft.dial or DialConfig(),
        recordings=draft.recordings,
        dry_run=draft.dry_run,
    )
