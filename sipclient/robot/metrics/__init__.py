"""What the robot counts and measures, for Prometheus: of the extra `web`, and nothing of it is loaded unasked."""

from sipclient.robot.metrics.metrics import Metrics

__all__ = ["Metrics"]
