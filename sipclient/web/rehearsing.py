"""`POST /v1/rules/{name}/simulate`: a rule asked what it would do."""

from __future__ import annotations

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from sipclient.robot.views import Views
from sipclient.robot.views.rehearsal import Question, SimulatedShape
from sipclient.web.problems import Refused


@post("/v1/rules/{name:str}/simulate", tags=["state"], summary="Ask what a rule would do", status_code=200)
async def simulate_rule(views: NamedDependency[Views], name: FromPath[str], data: JSONBody[Question]) -> SimulatedShape:
    """Every condition of the rule is held against a change that might be, at a moment that might be: what would be
    sent, or the conditions that fail. Nothing is called, nothing is counted."""
    found = views.simulate(name, data)
    if found is None:
        raise Refused(404, "not-found", f"there is no rule {name}")
    return found
