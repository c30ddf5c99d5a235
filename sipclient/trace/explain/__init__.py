"""What went wrong in a trace, and why. Pure: records in, findings out."""

from __future__ import annotations

from sipclient.trace.explain.explain import explain
from sipclient.trace.explain.finding import Explanation, Finding

__all__ = ["Explanation", "Finding", "explain"]
