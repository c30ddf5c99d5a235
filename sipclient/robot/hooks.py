"""The user's own functions: `run = "hooks.py:on_ready"`, an `async def` given the change and the client."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import os
import traceback
from collections.abc import Callable, Coroutine, Mapping
from importlib.machinery import ModuleSpec
from types import MappingProxyType, ModuleType
from typing import Any, TypeAlias

from sipclient.client import Client
from sipclient.config import Config
from sipclient.errors import ConfigError
from sipclient.protocol.events import ExtensionChanged

Hook: TypeAlias = Callable[[ExtensionChanged, Client], Coroutine[Any, Any, object]]
Hooks: TypeAlias = Mapping[str, Hook]  # by what the rule says: "hooks.py:on_ready"

NO_HOOKS: Hooks = MappingProxyType({})


async def load_hooks(config: Config, folder: str) -> Hooks:
    """The functions the rules name, from files that begin at `folder`; each file is run once, anew at each call.

    Raises ConfigError where a file cannot be run, or has no such `async def`.
    """
    modules: dict[str, ModuleType] = {}
    hooks: dict[str, Hook] = {}
    for rule in config.rules:
        if rule.run is None:
            continue
        path = os.path.join(folder, rule.run.file)
        if path not in modules:
            modules[path] = await _module(path)
        function = getattr(modules[path], rule.run.function, None)
        if not inspect.iscoroutinefunction(function):
            what = "is no `async def`" if function is not None else "is not there"
            raise ConfigError(f"rule {rule.name}: {rule.run.function} {what}", file=path)
        hooks[str(rule.run)] = function
    return MappingProxyType(hooks)


async def _module(path: str) -> ModuleType:
    name = f"sipclient_hooks_{os.path.splitext(os.path.basename(path))[0]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError("this is no Python file", file=path)
    # In a thread: a file may import much, and the calls go on meanwhile. What it raises is told, whatever it is.
    running = asyncio.get_running_loop().run_in_executor(None, _run, spec)
    await asyncio.wait([running])
    failure = running.exception()
    if failure is None:
        return running.result()
    if isinstance(failure, OSError) and failure.filename == path:
        raise ConfigError(f"cannot be read: {failure.strerror}", file=path)
    line = failure.lineno or 0 if isinstance(failure, SyntaxError) else _line_in(path, failure)
    raise ConfigError(f"{type(failure).__name__}: {failure}", file=path, line=line)


def _run(spec: ModuleSpec) -> ModuleType:
    module = importlib.util.module_from_spec(spec)
    if spec.loader is not None:
        spec.loader.exec_module(module)
    return module


def _line_in(path: str, failure: BaseException) -> int:
    frames = traceback.extract_tb(failure.__traceback__)
    return next((frame.lineno or 0 for frame in reversed(frames) if frame.filename == path), 0)
