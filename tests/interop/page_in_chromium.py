"""The page as an administrator has it before him: opened in Chromium, and what stands where on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from interop.browser_phone import PAGES
from interop.processes import lacking

PATIENCE = 10_000  # milliseconds
WIDE = {"width": 1360, "height": 900}
NARROW = {"width": 360, "height": 740}


@contextmanager
def opened(browser: Any, url: str, **look: Any) -> Iterator[Any]:
    """The page in a profile of its own; no script of it may fail, nor ask for what its policy forbids."""
    context = browser.new_context(**{"viewport": WIDE, **look})
    context.set_default_timeout(PATIENCE)
    faults: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
    try:
        page.goto(url)
        says(page.locator("#strip"), "live")
        yield page
    finally:
        context.close()
        assert faults == []


def tile(page: Any, extension: str) -> Any:
    """The place of an extension on the board."""
    return page.locator("#board .tile", has_text=extension)


def rule(page: Any, name: str) -> Any:
    """The row of a rule."""
    return page.locator("#rules .rule", has=page.get_by_role("heading", name=name, exact=True))


def up(page: Any, number: str) -> Any:
    """The call to a number, among those that are up."""
    return page.locator("#live .call", has_text=number)


def says(place: Any, *texts: str, within: float = PATIENCE) -> None:
    """Wait until all of it stands there."""
    for text in texts:
        place.get_by_text(text).first.wait_for(timeout=within)


def press(place: Any, name: str) -> None:
    """Press the button of that name."""
    place.get_by_role("button", name=name, exact=True).click()


def axe() -> str:
    """Its source."""
    source = PAGES / "node_modules" / "axe-core" / "axe.min.js"
    if not source.exists():
        lacking(f"axe-core is not there: cd {PAGES} && npm install")
    return source.read_text()


def objections(page: Any, options: str = "{}") -> list[Any]:
    """What axe finds, and where."""
    result = page.evaluate(f"axe.run(document, {options})")
    assert result["passes"]  # it looked
    return [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in result["violations"]]
