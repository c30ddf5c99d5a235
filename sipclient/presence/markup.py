"""XML from strangers: a small tree, or a refusal, within fixed bounds of time and memory.

Names lose their prefix and are lower-cased, and namespaces are not compared: PBXs leave them undeclared,
or use those of drafts from years before the RFC, while no two vocabularies in use here clash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

from sipclient.errors import MalformedBody

MAX_DEPTH: Final = 32
MAX_ELEMENTS: Final = 4096
MAX_ATTRIBUTES: Final = 64  # of one element

_ENTITY: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\w{1,9});)[^;\s]{1,40}")


class Element:
    """An element: its local name, its attributes by local name, its children, and its own text."""

    __slots__ = ("attributes", "children", "name", "pieces")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Element] = []
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        """The text directly inside, runs of blanks made one."""
        return " ".join("".join(self.pieces).split())

    def get(self, attribute: str) -> str:
        """An attribute's value without surrounding blanks, empty where it is absent."""
        return self.attributes.get(attribute, "").strip()

    def all(self, name: str) -> list[Element]:
        """The children of this name."""
        return [child for child in self.children if child.name == name]

    def child(self, name: str) -> Element | None:
        """The first child of this name."""
        return next((child for child in self.children if child.name == name), None)

    def walk(self, name: str) -> Iterator[Element]:
        """The descendants of this name, in document order."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.walk(name)


def parse_xml(text: str) -> Element:
    """The root of a document. Raises MalformedBody for what is not well-formed, too large or hostile.

    A DOCTYPE is let pass if it is bare (Polycom's xpidf has one); what it refers to is never fetched. One
    with declarations of its own is refused, and so is every entity but the five of XML itself.
    """
    if not text:
        raise MalformedBody("the body is empty")
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise MalformedBody(f"the body is no XML: {error}") from None
    # With a DOCTYPE that refers to a DTD, expat passes over an entity that might be defined there.
    if builder.has_doctype and (entity := _ENTITY.search(text)):
        raise MalformedBody(f"the body uses an entity that is not defined in it: {entity[0]}")
    return builder.root


class _Builder:
    """What expat calls, growing the tree."""

    __slots__ = ("count", "has_doctype", "open")

    def __init__(self) -> None:
        self.open = [Element("", {})]  # the document, then the elements that are open
        self.count = 0
        self.has_doctype = False

    @property
    def root(self) -> Element:
        return self.open[0].children[0]

    def doctype(self, _name: str, _system: str | None, _public: str | None, has_internal_subset: int) -> None:
        if has_internal_subset:
            raise MalformedBody("the body declares entities or other markup of its own")
        self.has_doctype = True

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > MAX_ELEMENTS:
            raise MalformedBody(f"the body has more than {MAX_ELEMENTS} elements")
        if len(self.open) > MAX_DEPTH:
            raise MalformedBody(f"the body nests deeper than {MAX_DEPTH} elements")
        if len(attributes) > MAX_ATTRIBUTES:
            raise MalformedBody(f"an element has more than {MAX_ATTRIBUTES} attributes")
        element = Element(_local(name), {_local(key): value for key, value in attributes.items()})
        self.open[-1].children.append(element)
        self.open.append(element)

    def end(self, _name: str) -> None:
        self.open.pop()

    def data(self, data: str) -> None:
        self.open[-1].pieces.append(data)


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()
