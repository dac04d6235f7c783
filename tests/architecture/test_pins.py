"""Every version that an install takes is written down: what `make audit` asks about is what users get."""

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def test_constraints_are_exact_and_without_addresses():
    for line in pins():
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*==[0-9][A-Za-z0-9.+!]*( ;.*)?", line), line


def test_every_dependency_has_its_pin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *(d for name, group in extras.items() if name != "audit" for d in group),
    ]
    pinned = {canonical(line.partition("==")[0]) for line in pins()}
    missing = {canonical(NAME.match(d)[0]) for d in wanted} - {"palitra"} - pinned
    assert not missing


def test_every_package_of_the_page_has_a_checksum():
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text(encoding="utf-8"))
    for place, package in lock["packages"].items():
        if place and not package.get("link"):
            assert package.get("integrity", "").startswith("sha"), place
