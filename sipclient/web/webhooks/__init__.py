"""Events told to others by HTTP POST: signed, in order, kept until they are delivered."""

from sipclient.web.webhooks.webhooks import Webhooks

__all__ = ["Webhooks"]
