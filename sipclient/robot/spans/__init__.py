"""What the robot does, as OpenTelemetry spans: of the extra `otel`, and nothing of it is loaded unasked."""

from sipclient.robot.spans.exporting import exported
from sipclient.robot.spans.spans import Spans

__all__ = ["Spans", "exported"]
