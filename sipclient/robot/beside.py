"""What a robot.toml names beside itself, looked at without running or opening it."""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Callable, Collection, Iterator

from sipclient.config.values import quoted
from sipclient.dialling import parse_dial_string
from sipclient.errors import ConfigError, InvalidValue
from sipclient.robot.attending import is_tone, refuse_unfit
from sipclient.robot.reading import read_text, store_path
from sipclient.robot.tokens import read_tokens

_LONGEST = 4 * 1024 * 1024  # bytes of a hook file


class Beside:
    """See `config.Outside`; relative paths begin at `folder`."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._trees: dict[str, ast.Module | str] = {}

    def hook(self, file: str, function: str) -> str:
        """What keeps it from being run, as far as its text tells; it is not run for that."""
        if file not in self._trees:
            self._trees[file] = _tree(os.path.join(self._folder, file))
        tree = self._trees[file]
        wrong = tree if isinstance(tree, str) else _wrong(tree, function)
        return f"{file}:{wrong}" if wrong else ""

    def sound(self, what: str) -> str:
        """What keeps a file from being played, as far as its place tells; a tone is none."""
        if is_tone(what):
            return ""
        path = os.path.join(self._folder, what.removeprefix("file://"))
        if not os.path.isfile(path):
            return f"there is no file {path}"
        return "" if os.access(path, os.R_OK) else f"{path} cannot be read by this user"

    def store(self, url: str) -> str:
        """What keeps a file of SQLite's from being opened or made."""
        path = store_path(url, self._folder)
        if path is None:
            return ""
        folder = os.path.dirname(path) or "."
        if not os.path.isdir(folder):
            return f"there is no folder {folder}: make it, or name another"
        if os.path.isdir(path):
            return f"{path} is a folder: name a file in it"
        if os.path.exists(path) and not os.access(path, os.R_OK | os.W_OK):
            return f"{path} cannot be written by this user"
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"the folder {folder} cannot be written by this user: SQLite has to make files in it"
        return ""

    def dial_string(self, text: str, accounts: Collection[str], permits: Callable[[str, str], bool]) -> str:
        """What keeps a dial string from being followed."""
        try:
            plan = parse_dial_string(text, sorted(accounts))
            refuse_unfit(plan)
        except InvalidValue as error:
            return str(error)
        outside = [leg.to for leg in plan.legs if not permits(leg.account, leg.to)]
        return f"[dial] allow does not name {quoted(outside[0])}, so the call could never leave" if outside else ""

    def tokens(self, file: str) -> str:
        """What keeps anybody from being let in by a file of tokens."""
        try:
            found = read_tokens(os.path.join(self._folder, file))
        except ConfigError as error:
            return f"{file}: {error.message}"
        return "" if found else f"{file} has no token: make one by sipclient token NAME --file {file}"


def _tree(path: str) -> ast.Module | str:
    """The file understood, or what is wrong with it."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(read_text(path, _LONGEST))
    except OSError as error:
        return f" cannot be read: {error.strerror}"
    except SyntaxError as error:
        return f"{error.lineno}: {type(error).__name__}: {error.msg}" if error.lineno else f" no Python: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f" no Python: {error or type(error).__name__}"


def _wrong(tree: ast.Module, name: str) -> str:
    bound = [each for each in _statements(tree.body) if name in _names(each) or "*" in _names(each)]
    if not bound:
        return f" {name} is not there"
    last = bound[-1]
    if not isinstance(last, ast.FunctionDef | ast.AsyncFunctionDef) or last.decorator_list:
        return ""  # imported, assigned or decorated: that shows when it is run
    if isinstance(last, ast.FunctionDef):
        return f"{last.lineno}: {name} is no `async def`"
    given = last.args
    most = len(given.posonlyargs) + len(given.args)
    least = most - len(given.defaults)
    if least > 2 or (most < 2 and given.vararg is None) or None in given.kw_defaults:
        return f"{last.lineno}: {name} must take two arguments, the change and the client"
    return ""


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those inside `if`, `try` and the like too, in their order."""
    for each in body:
        yield each
        if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for inner in ast.iter_child_nodes(each):
                if isinstance(inner, ast.stmt):
                    yield from _statements([inner])
                elif isinstance(inner, ast.ExceptHandler | ast.match_case):
                    yield from _statements(inner.body)


def _names(statement: ast.stmt) -> set[str]:
    """What a statement binds in its module; `*` for whatever it may be."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
