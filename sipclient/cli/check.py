"""`sipclient check robot.toml`."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from sipclient.cli.options import ConfigFile, File
from sipclient.cli.run import one_file
from sipclient.config.values import counted
from sipclient.robot.files import check_file


def check(
    file: File = "",
    config: ConfigFile = "",
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
) -> None:
    """One line for each finding, as editors understand it; status 1 where an error stands."""
    path = one_file(file, config)
    findings = check_file(path)
    for finding in findings:
        print(finding)
    count = Counter(finding.severity for finding in findings)
    print(f"{path}: " + ", ".join(counted(count[what], what) for what in ("error", "warning")))
    if count["error"] or (strict and count["warning"]):
        raise typer.Exit(1)
