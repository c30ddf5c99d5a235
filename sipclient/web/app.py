"""The application: every path there is, and what all of them share."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from litestar import Litestar, Request
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.routes import HTTPRoute

from sipclient import __version__
from sipclient.robot import Robot
from sipclient.robot.metrics import Metrics
from sipclient.web.access import Access
from sipclient.web.bodies import StrictRequest
from sipclient.web.bridging import BRIDGING
from sipclient.web.callbacks import CAMPING
from sipclient.web.calling import CALLING
from sipclient.web.describing import Described
from sipclient.web.guard import WHO, Guard
from sipclient.web.idempotency import Idempotency
from sipclient.web.metering import metrics
from sipclient.web.methods import Methods
from sipclient.web.pages import PAGE
from sipclient.web.problems import answer
from sipclient.web.reading import READING
from sipclient.web.recorded import RECORDINGS
from sipclient.web.rehearsing import simulate_rule
from sipclient.web.streaming import Readers, events
from sipclient.web.traces import Inspection, explain_trace

ABOUT = """\
The robot over HTTP. Bodies are `application/json`, errors `application/problem+json`. Times are UTC, durations seconds.
Lists come in pages: `{"items": [...], "next": "<cursor or null>"}`, with `limit` and `cursor`.
"""


def build(robot: Robot, metering: Metrics, hosts: Iterable[str] = (), access: Access | None = None) -> Guard:
    """The application of one robot, which `metering` observes. `hosts` are names by which it may be reached."""
    views, desk = robot.views, robot.desk
    assert views is not None and desk is not None  # they are there where [web] is
    parts: dict[str, Any] = {
        "views": views,
        "desk": desk,
        "camping": robot.callbacks,
        "metering": metering,
        "readers": Readers(views.events),
        "inspection": Inspection(),
        "recordings": robot.recordings,
        "idempotency": Idempotency(robot.store.answers, views.now),
    }
    given = {name: _given(part) for name, part in parts.items()}
    app = Litestar(
        [*READING, simulate_rule, *CALLING, *BRIDGING, *CAMPING, *RECORDINGS, explain_trace, events, metrics, *PAGE],
        dependencies={**given, "who": Provide(_who, sync_to_thread=False)},
        exception_handlers={Exception: answer},
        request_class=StrictRequest,
        openapi_config=OpenAPIConfig(
            title="sipclient",
            version=__version__,
            description=ABOUT,
            path="/openapi.json",
            render_plugins=[Described()],
            use_handler_docstrings=True,
            security=[{"token": []}, {}],  # on loopback without tokens, none is needed
            components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
        ),
        logging_config=None,
        debug=False,
    )
    paths = {route.path: route.methods for route in app.routes if isinstance(route, HTTPRoute)}
    return Guard(Methods(app, paths), hosts, access or Access(None, time.monotonic))


def _who(request: Request[Any, Any, Any]) -> str:
    return str(request.scope.get(WHO, ""))


def _given(part: Any) -> Provide:
    return Provide(lambda: part, sync_to_thread=False)
