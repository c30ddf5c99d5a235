"""The optional compiled core: `SIPCLIENT_COMPILE=1 pip install .` compiles the pure modules that every message passes.

mypyc makes extension modules of the very same Python; nothing is written into the source tree, and whatever is not
compiled stays as it is. Modules that define msgspec Structs are left out: mypyc would drop that they are frozen.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOMS = ("message", "presence", "protocol")
# Of the other rooms what every datagram passes.
SHELL = (
    *("face/course.py", "face/dispatch.py", "face/identifiers.py", "face/shell.py"),
    *("face/streams.py", "face/switchboard.py", "face/watching.py"),
    *("transport/datagrams.py", "transport/network.py", "transport/udp.py"),
)
_STRUCT = re.compile(r"^class \w+\((msgspec\.Struct|Value)\b", re.M)
_SETUP = """
import sys
from mypyc.build import mypycify
from setuptools import setup
# What is not compiled is looked at for its types alone: what those rooms import need not be installed.
look = ["--ignore-missing-imports", "--follow-imports=silent"]
extensions = mypycify([*look, *sys.argv[1:]], debug_level="0")
setup(name="core", packages=[], ext_modules=extensions, script_args=["build_ext", "--inplace"])
"""


def wanted() -> bool:
    """Whether this build was asked to compile."""
    return os.environ.get("SIPCLIENT_COMPILE", "0") not in ("", "0")


def modules(root: Path) -> list[str]:
    """The files that are compiled, by their paths below the root."""
    package = root / "sipclient"
    files = [file for room in ROOMS for file in sorted((package / room).glob("[!_]*.py"))]
    files += [package / each for each in SHELL]
    return [str(file.relative_to(root)) for file in files if not _STRUCT.search(file.read_text("utf-8"))]


class CompiledCore(BuildHookInterface[Any]):
    """What hatchling calls before it packs the wheel."""

    def dependencies(self) -> list[str]:
        """Needed for the build alone, and only where it compiles."""
        return ["mypy[mypyc]>=2", "msgspec>=0.18", "setuptools"] if wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile in a folder of its own, and add what came out."""
        if not wanted() or version == "editable":
            return
        root, self.folder = Path(self.root), Path(mkdtemp())
        shutil.copytree(root / "sipclient", self.folder / "sipclient", ignore=shutil.ignore_patterns("__pycache__"))
        command = [sys.executable, "-c", _SETUP, *modules(root)]
        subprocess.run(command, cwd=self.folder, check=True)
        made = [*self.folder.glob("*.so"), *self.folder.glob("sipclient/**/*.so")]
        build_data["force_include"].update({str(file): str(file.relative_to(self.folder)) for file in made})
        build_data.update(pure_python=False, infer_tag=True)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The wheel is there: the folder is not needed any more."""
        if wanted() and version != "editable":
            shutil.rmtree(self.folder)
