import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
HARDENING = {
    "nonewprivileges": "yes",
    "protectsystem": "strict",
    "protecthome": "yes",
    "privatetmp": "yes",
    "restrictsuidsgid": "yes",
    "capabilityboundingset": "",
    "systemcallfilter": "@system-service",
}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_an_ordinary_user_that_may_do_little(unit):
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.read(unit)
    service = parsed["Service"]
    assert service["user"] == "palitra"
    assert HARDENING.items() <= dict(service).items()
    assert int(service["timeoutstopsec"]) > 15
    assert not any("password" in value.lower() for value in service.values())


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze on this machine")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong(unit, tmp_path):
    """The program's path is replaced by one that is here: systemd would only say that ours is missing."""
    name = unit.name.replace("@", "@0") if "@." in unit.name else unit.name
    copy = tmp_path / name
    copy.write_text(unit.read_text().replace("/opt/palitra/bin/palitra", "/bin/true"))
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False
    )
    assert name not in told.stderr, told.stderr
