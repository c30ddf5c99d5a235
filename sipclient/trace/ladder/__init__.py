"""A trace drawn: hosts as columns, messages as arrows between them."""

from __future__ import annotations

from sipclient.trace.ladder.page import page
from sipclient.trace.ladder.picture import picture
from sipclient.trace.ladder.sequence import sequence
from sipclient.trace.ladder.sheet import Column, Group, Row, Sheet, sheet
from sipclient.trace.ladder.terminal import terminal

__all__ = ["Column", "Group", "Row", "Sheet", "page", "picture", "sequence", "sheet", "terminal"]
