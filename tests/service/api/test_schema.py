"""The OpenAPI description against the application: requests made up from it, answers held to it."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans

from palitra.service.api import openai
from palitra.service.api.app import create_app
from palitra.service.jobs.pause import set_paused
from palitra.service.keys import add_key, make_key
from palitra.service.settings import Settings
from palitra.service.studies.making import Terms, make_study
from palitra.service.studies.study import list_studies
from palitra.study.exhibits import find_show
from tests.service.api.conftest import ended
from tests.service.api.test_files import picture
from tests.service.drawing import drawing
from tests.study.runs import make_runs

EXAMPLES = 12


def operations():
    paths = create_app(Settings()).openapi()["paths"]
    return [(method, path) for path, methods in paths.items() for method in methods]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """An open application and an operator's client of it; whatever is accepted is drawn."""
    pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from schemathesis.python import asgi

    chosen = Settings(
        folder=tmp_path_factory.mktemp("data"),
        trusted_hosts=("testserver",),
        rate=0,
        uploads_per_hour=0,
        joins_per_hour=0,
        most_queued=10_000,
        most_queued_per_owner=10_000,
    )
    app = create_app(chosen)
    with asgi.get_client(app) as client, pytest.MonkeyPatch.context() as patch:
        patch.setattr(openai, "LONGEST_S", 0.2)
        client.headers["authorization"] = f"Bearer {make_key(chosen, 'ann', role='operator')}"
        with drawing(app.state.service):
            yield app, client
    asgi.shutdown_lifespans()


@pytest.fixture(scope="module")
def described(service):
    import schemathesis

    app, _ = service
    return schemathesis.openapi.from_asgi("/openapi.json", app)


@pytest.fixture(scope="module")
def checks(service):
    from schemathesis.specs.openapi import checks as conformance

    # 503 and 504 are declared answers, so the check for server errors is ours
    return [
        conformance.status_code_conformance,
        conformance.content_type_conformance,
        conformance.response_schema_conformance,
        conformance.response_headers_conformance,
    ]


@pytest.fixture
def ids(service):
    """What there is: names in paths are mostly made up, so these are asked for too."""
    app, client = service
    set_paused(app.state.service.engine, False)
    wish = {"recipe": "text_to_image", "prompt": "a cat", "steps": 2}
    job = ended(client, client.post("/v1/jobs", json=wish).json()["id"], 10)
    file = client.post("/v1/files", files={"file": ("a.png", picture())}).json()["id"]
    key, _ = add_key(app.state.service.engine, "bob")
    known = {"job": job["id"], "image": job["images"][0]["id"], "file": file, "key": key.id}
    return {**known, **study_ids(app.state.service, client)}


def study_ids(service, client):
    """A study that was begun, and one of its pictures."""
    if not list_studies(service.engine):
        show = find_show(make_runs(service.settings.folder / "runs"))
        make_study(service.engine, service.blobs, "pilot", show, Terms(pairs=3, checks=1))
    begun = client.post("/v1/studies/pilot/participants")
    return {"study": "pilot", "picture": (begun.json()["pair"] or {}).get("photo", "")}


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), operations())
def test_nothing_that_can_be_asked_is_a_fault_of_ours(method, path, service, described, checks, ids):
    from schemathesis import GenerationMode

    _, client = service
    operation = described[path][method]
    cases = operation.as_strategy()
    if operation.body or operation.query:
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, known=booleans())
    def ask(case, known):
        if known and case.path_parameters:
            case.path_parameters = {name: ids[name] for name in case.path_parameters}
        answer = case.call(session=client)
        assert answer.status_code not in (500, 502), answer.text
        case.validate_response(answer, checks=checks)

    ask()
