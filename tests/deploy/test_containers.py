"""The container files are checked by their structure: no engine is needed for that."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
PINNED = re.compile(r"[\w./-]+:v?\d[\w.-]*\.[\w.-]+$")
ONCE = {"folders", "bucket"}
SECRET = re.compile(r"(?i)(password|secret|key|token)")


def instructions():
    """The Dockerfile's instructions with their continued lines joined."""
    text = (DOCKER / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [line.split(None, 1) for line in joined.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


def test_every_stage_starts_from_a_pinned_image():
    bases = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    assert len(bases) == 2
    assert all(PINNED.match(base) for base in bases)


def test_the_image_runs_as_an_ordinary_user_with_a_health_check():
    last = {}
    for name, rest in instructions():
        last = {} if name == "FROM" else last | {name: rest}
    assert last["USER"] not in ("root", "0", "0:0")
    assert "/healthz" in last["HEALTHCHECK"]
    assert last["ENTRYPOINT"] == '["palitra"]'
    assert last["STOPSIGNAL"] == "SIGTERM"


def test_the_dockerfile_holds_no_secret_and_uses_known_instructions():
    known = {"FROM", "WORKDIR", "RUN", "ARG", "COPY", "LABEL", "ENV", "USER", "VOLUME", "EXPOSE"}
    known |= {"STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    for name, rest in instructions():
        assert name in known
        assert not (name in ("ENV", "ARG") and SECRET.search(rest))
        if name == "RUN":
            assert shlex.split(rest)
            assert "sudo" not in rest
            assert "apt-get" not in rest


def test_images_of_the_services_are_pinned(compose):
    for name, service in compose["services"].items():
        assert PINNED.match(service["image"]) or service["image"] == "palitra:local", name


def test_services_are_bounded_in_what_they_may_do(compose):
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "privileged" not in service, name
        if "palitra:" not in service["image"] and name != "folders":
            assert service["user"] not in ("root", "0"), name


def test_lasting_services_restart_and_are_watched(compose):
    for name, service in compose["services"].items():
        if name in ONCE:
            continue
        assert service["restart"] == "unless-stopped", name
        assert name == "api" or "test" in service["healthcheck"], name  # the API's is in its image


def test_no_secret_is_written_down(compose):
    for name, service in compose["services"].items():
        for key, value in service.get("environment", {}).items():
            if SECRET.search(key) and key != "PALITRA_REQUIRE_KEY":
                assert value.startswith("${"), (name, key)
                assert ":?" in value, (name, key)
    for line in (DOCKER / ".env.example").read_text().splitlines():
        assert line.startswith("#") or line.endswith("=")


def test_only_the_api_is_reachable_and_only_from_this_machine(compose):
    open_ports = {n: s["ports"] for n, s in compose["services"].items() if "ports" in s}
    assert open_ports == {"api": ["127.0.0.1:8000:8000"]}


def test_names_that_services_use_exist(compose):
    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in compose["volumes"]


def test_settings_are_the_services_own(compose):
    from palitra.service.settings import Settings

    known = {f"PALITRA_{name.upper()}" for name in Settings.model_fields} | {"PALITRA_HOME"}
    used = {
        key
        for service in compose["services"].values()
        for key in service.get("environment", {})
        if key.startswith("PALITRA_")
    }
    assert used
    assert used <= known


def test_workers_have_longer_to_stop_than_their_grace(compose):
    worker = compose["services"]["worker"]
    assert (
        float(worker["stop_grace_period"].rstrip("s")) > float(worker["environment"]["PALITRA_GRACE_S"]) + 10
    )


def test_a_linter_finds_nothing_in_the_dockerfile():
    linter = Path(sys.executable).with_name("hadolint")
    if not linter.exists():
        pytest.skip("hadolint is not installed: pip install palitra[test]")
    told = subprocess.run(
        [linter, "--no-color", DOCKER / "Dockerfile"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (told.returncode, told.stdout) == (0, "")
