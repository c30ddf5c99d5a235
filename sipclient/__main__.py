"""`python -m sipclient` is `sipclient`."""

from __future__ import annotations

from sipclient.cli.main import main

main()
