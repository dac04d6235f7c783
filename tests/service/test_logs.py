import io
import json
import logging

import pytest

from palitra.service.audit import record
from palitra.service.logs import REQUEST, about_jobs, set_up


@pytest.fixture(autouse=True)
def as_before():
    root, audit = logging.getLogger(), logging.getLogger("palitra.audit")
    before = root.handlers[:], root.level, audit.handlers[:], audit.propagate
    yield
    for handler in audit.handlers:
        handler.close()
    root.handlers[:], audit.handlers[:], audit.propagate = before[0], before[2], before[3]
    root.setLevel(before[1])


def test_json_lines_carry_the_ids_of_request_and_jobs():
    stream = io.StringIO()
    set_up("json", stream=stream)
    named = REQUEST.set("r1")
    with about_jobs("j1", "j2"):
        logging.getLogger("palitra.worker").warning("cannot %s", "draw")
    REQUEST.reset(named)
    logging.getLogger("palitra.worker").info("done")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first.pop("at").endswith("Z")
    assert first == {
        "level": "warning",
        "logger": "palitra.worker",
        "message": "cannot draw",
        "request": "r1",
        "jobs": ["j1", "j2"],
    }
    assert second.keys() == {"at", "level", "logger", "message"}


def test_a_traceback_is_one_line_of_json():
    stream = io.StringIO()
    set_up("json", stream=stream)
    try:
        raise ValueError("a\nb")
    except ValueError:
        logging.getLogger("palitra").exception("fault")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: a\nb" in json.loads(line)["error"]


def test_text_lines_end_with_the_ids():
    stream = io.StringIO()
    set_up("text", stream=stream)
    with about_jobs("j1"):
        logging.getLogger("palitra").info("done")
    assert stream.getvalue().endswith("INFO palitra: done [j1]\n")


def test_audit_lines_can_have_a_file_of_their_own(tmp_path):
    stream = io.StringIO()
    set_up("text", tmp_path / "new" / "audit.jsonl", stream)
    record("job.accepted", "ann", job="j1", prompt=None)
    (line,) = (tmp_path / "new" / "audit.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert {k: told[k] for k in ("act", "owner", "job")} == {
        "act": "job.accepted",
        "owner": "ann",
        "job": "j1",
    }
    assert "prompt" not in told
    assert stream.getvalue() == ""


def test_requests_of_libraries_are_not_told():
    stream = io.StringIO()
    set_up("text", stream=stream)
    logging.getLogger("httpx").info("GET https://api.telegram.org/bot123:secret/getMe")
    assert stream.getvalue() == ""
