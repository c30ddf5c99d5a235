"""Calls and bridges that somebody asks for from outside, such as over HTTP: on the same code as `client.bridge`, held
against `[dial]` as all calls are, written down before anything is sent, and shown from beginning to end."""

from sipclient.robot.desk.desk import PARTING, Desk
from sipclient.robot.desk.orders import Order
from sipclient.robot.desk.plans import CallPlan, Planned

__all__ = ["PARTING", "CallPlan", "Desk", "Order", "Planned"]
