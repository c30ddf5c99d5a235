"""The robot over HTTP: API, events, page, webhooks."""
