"""`[hep]`: where every SIP message is copied to."""

from __future__ import annotations

import pytest

from sipclient.config import check, load
from sipclient.config.addresses import Collector

HEAD = '[accounts.pbx]\naddress = "sip:robot@pbx.example.com"\n'


@pytest.mark.parametrize(
    ("table", "error"),
    [
        ('server = "tcp:homer"', 'HEP packets go by UDP: "udp:homer.example.com:9060", not "tcp:homer"'),
        ('server = "udp:homer"\nid = -1', "a capture agent's id is a whole number from 0 to 4294967295"),
        ("id = 5", '"server" is missing'),
        ('server = "udp:homer"\npassword = "a"\npassword_env = "HEP_KEY"', "password is given too"),
        ('server = "udp:homer:99999"', "udp:homer:99999"),
        ('server = "udp:homer"\npasword = "a"', "unknown key"),
    ],
)
def test_what_is_wrong_is_told(table: str, error: str) -> None:
    findings = [each for each in check(f"{HEAD}[hep]\n{table}\n") if each.severity == "error"]
    assert len(findings) == 1 and error in findings[0].message, findings


def test_what_the_file_says_is_what_is_used() -> None:
    text = f'{HEAD}[hep]\nserver = "udp:[2001:db8::5]:9061"\npassword_env = "HEP_KEY"\n'
    config = load(text, environ={"HEP_KEY": "secret"}).hep
    assert config is not None and config.server.place == ("2001:db8::5", 9061)
    assert config.password == "secret" and "secret" not in repr(config)
    assert Collector("udp:homer.example.com").place == ("homer.example.com", 9060)
