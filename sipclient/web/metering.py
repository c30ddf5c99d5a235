"""`GET /metrics`."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import HeaderParameter

from sipclient.robot.metrics import Metrics

Accept = Annotated[
    str,
    HeaderParameter(name="Accept", description="OpenMetrics, or Prometheus's own text."),
]


@get("/metrics", tags=["service"], summary="For Prometheus", media_type="text/plain")
async def metrics(metering: NamedDependency[Metrics], accept: Accept = "") -> Response[bytes]:
    """What the robot counts and measures: docs/metrics.md has every name."""
    media_type, body = metering.render(accept)
    return Response(body, media_type=media_type)
