"""`[otel]`: where spans go."""

from __future__ import annotations

import pytest

from sipclient.config import check, load

HEAD = '[accounts.pbx]\naddress = "sip:robot@pbx.example.com"\n'


@pytest.mark.parametrize(
    ("table", "severity", "words"),
    [
        (
            'endpoint = "collector:4318"',
            "error",
            'otel.endpoint: a collector is like "http://collector.example.com:4318"',
        ),
        ('endpoint = "grpc://collector:4318"', "error", "a collector is like"),
        ('endpoint = "http://collector:4317/"', "warning", "otel.endpoint: spans go over HTTP"),
        ('endpont = "http://collector"', "error", "unknown key"),
    ],
)
def test_what_is_wrong_is_told(table: str, severity: str, words: str) -> None:
    (finding,) = check(f"{HEAD}[otel]\n{table}\n")
    assert finding.severity == severity and words in finding.message


@pytest.mark.parametrize("endpoint", ["https://collector.example.com", "http://[2001:db8::1]:4318/otlp/v1/traces"])
def test_what_the_file_says_is_what_is_used(endpoint: str) -> None:
    text = f'{HEAD}[otel]\nendpoint = "{endpoint}"\nservice_name = "queue robot"\n'
    assert check(text) == []
    config = load(text).otel
    assert config is not None and (config.endpoint, config.service_name) == (endpoint, "queue robot")


def test_an_empty_table_turns_them_on_and_none_does_not() -> None:
    config = load(f"{HEAD}[otel]\n").otel
    assert config is not None and (config.endpoint, config.service_name) == ("", "")
    assert load(HEAD).otel is None
