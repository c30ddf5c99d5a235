"""The robot over HTTP: its API, its event stream and its page (`[web]` in robot.toml; the extra `web`).

Everything shown comes from `robot.views`; here is only HTTP. Nothing in this package is imported where no `[web]` is
configured.
"""
