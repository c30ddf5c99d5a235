"""Any text is a Config or ConfigError with a line, and `check` always has an answer.

Run: python tests/fuzz/fuzz_config.py -max_total_time=60 "$(mktemp -d)" CORPUS
(with tests/config/contract.toml in CORPUS).
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports():
    from sipclient.config import check, load
    from sipclient.errors import ConfigError, InvalidValue


def one(data: bytes) -> None:
    """Read it, complain about it, and use what came of it: patterns and templates take any text."""
    text = data.decode("utf-8", "surrogateescape")
    findings = check(text)
    try:
        config = load(text, secrets=False)
    except ConfigError as error:
        if not any(finding.severity == "error" for finding in findings):
            raise RuntimeError("check finds nothing wrong with what load refuses") from error
        if error.line < 0 or error.line > text.count("\n") + 1:
            raise RuntimeError("the mistake is on a line there is not") from error
        return
    for pattern in config.dial.allow:
        pattern.matches(text[:100])
    for rule in config.rules:
        if rule.call is not None:
            try:
                rule.call.to.render({"extension": text[:40]})
                rule.call.headers.render({"extension": text[:40]})
            except InvalidValue:
                continue


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
