"""The user's own functions: `run = "hooks.py:on_ready"`, an `async def` given the change and the client."""

from __future__ import annotations

import importlib.util
import inspect
import os
import traceback
from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from importlib.machinery import ModuleSpec
from types import FrameType, MappingProxyType, ModuleType
from typing import Any, TypeAlias

from sipclient.client import Client
from sipclient.config import Config
from sipclient.errors import ConfigError
from sipclient.robot.threads import in_thread
from sipclient.rules import Requested

Hook: TypeAlias = Callable[[Any, Client], Coroutine[Any, Any, object]]  # an ExtensionChanged, or an IncomingCall
Hooks: TypeAlias = Mapping[str, Hook]  # by what the rule says: "hooks.py:on_ready"

REQUEST: ContextVar[Requested | None] = ContextVar("REQUEST", default=None)  # what the hook that runs here answers


def callback_request() -> Requested | None:
    """In a hook of a rule with `armed = "on-request"`, and in its tasks: who camps on the extension, with `caller`,
    `caller_name` and `variables`. None anywhere else."""
    return REQUEST.get()


_MODULE = "sipclient_hooks_"  # the names of hook files as modules begin so

NO_HOOKS: Hooks = MappingProxyType({})


async def load_hooks(config: Config, folder: str, seconds: float = 30.0) -> Hooks:
    """The functions the rules name, from files that begin at `folder`; each file is run once, anew at each call.

    Raises ConfigError where a file cannot be run, takes longer than `seconds`, or has no such `async def`.
    """
    modules: dict[str, ModuleType] = {}
    hooks: dict[str, Hook] = {}
    wanted = [(f"rule {rule.name}", rule.run) for rule in config.rules]
    wanted += [(f"incoming[{number}]", entry.action.run) for number, entry in enumerate(config.incoming, 1)]
    for whose, run in wanted:
        if run is None:
            continue
        path = os.path.join(folder, run.file)
        if path not in modules:
            modules[path] = await _module(path, seconds)
        function = getattr(modules[path], run.function, None)
        if not inspect.iscoroutinefunction(function):
            what = "is no `async def`" if function is not None else "is not there"
            raise ConfigError(f"{whose}: {run.function} {what}", file=path)
        hooks[str(run)] = function
    return MappingProxyType(hooks)


async def _module(path: str, seconds: float) -> ModuleType:
    name = f"{_MODULE}{os.path.splitext(os.path.basename(path))[0]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError("this is no Python file", file=path)
    # In a thread: a file may import much, and the calls go on meanwhile. What it raises is told, whatever it is.
    outcome = await in_thread(lambda: _run(spec), seconds, path)
    if isinstance(outcome, ModuleType):
        return outcome
    failure = outcome
    if isinstance(failure, OSError) and failure.filename == path:
        raise ConfigError(f"cannot be read: {failure.strerror}", file=path)
    line = failure.lineno or 0 if isinstance(failure, SyntaxError) else _line_in(path, failure)
    raise ConfigError(described(failure), file=path, line=line)


def _run(spec: ModuleSpec) -> ModuleType | BaseException:
    """The module, or what running it raised: a StopIteration, say, cannot be raised out of whoever awaits it."""
    module = importlib.util.module_from_spec(spec)
    try:
        if spec.loader is not None:
            spec.loader.exec_module(module)
    except BaseException as failure:
        return failure
    return module


def described(failure: BaseException) -> str:
    """What a user's function raised, in a line; an exception of his may fail even to say what it is."""
    name = type(failure).__name__
    try:
        return f"{name}: {failure}".removesuffix(": ")
    except Exception as worse:
        return f"{name}: (its text cannot be had: {type(worse).__name__})"


def place_in_hook(frame: FrameType | None) -> str:
    """Where in a hook file a thread is; empty where it is in none."""
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith(_MODULE):
            return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def _line_in(path: str, failure: BaseException) -> int:
    frames = traceback.extract_tb(failure.__traceback__)
    return next((frame.lineno or 0 for frame in reversed(frames) if frame.filename == path), 0)
