import subprocess
import sys

from palitra.spec.build import RECIPES


def test_recipes_say_all_that_a_form_needs(client):
    told = client.get("/v1/recipes").json()
    without = set() if client.get("/v1/classes").json() else {"classes"}  # until a model is embedded
    assert told.keys() == RECIPES.keys() - without
    sketch = told["sketch_to_image"]
    fidelity = sketch["schema"]["properties"]["fidelity"]
    assert (fidelity["minimum"], fidelity["maximum"], fidelity["default"]) == (0, 1, 0.6)
    assert fidelity["text"]["ru"]["label"] == "Верность линиям"
    assert [i["name"] for i in sketch["inputs"]] == ["sketch", "strictness"]
    assert sketch["title"]["en"]["label"] == "Sketch"


def test_presets(client):
    told = {p["name"]: p for p in client.get("/v1/presets").json()}
    assert told["best"]["values"]["quality"] == "best"
    assert told["draft"]["text"]["ru"]["label"] == "Черновик"


def test_models(client):
    mini = next(m for m in client.get("/v1/models").json() if m["name"] == "mini")
    assert mini["ready"] is True


def test_health(client, app):
    assert client.get("/healthz").json()["status"] == "ok"
    assert client.get("/readyz").status_code == 503
    from palitra.service.workers.heartbeat import beat

    beat(app.state.service.engine, "w", "cpu", [])
    assert client.get("/readyz").json() == {"status": "ready", "workers": 1}


def test_an_operator_pauses_the_queue_and_others_cannot(client, app, settings):
    from palitra.service.keys import make_key

    assert client.get("/v1/queue").json() == {"queued": 0, "running": 0, "workers": 0, "paused": False}
    assert client.post("/v1/queue/pause").json()["paused"] is True
    assert client.post("/v1/queue/resume").json()["paused"] is False
    user = {"authorization": f"Bearer {make_key(settings, 'ann')}"}
    refused = client.post("/v1/queue/pause", headers=user)
    assert (refused.status_code, refused.json()["code"]) == (403, "no_access")


def test_metrics(client):
    from tests.service.api.test_jobs import hand_in

    hand_in(client)
    text = client.get("/metrics").text
    assert 'palitra_jobs{state="queued"} 1.0' in text


def test_no_route_blocks_the_loop():
    """Services are synchronous: only the stream of events and the form of `edit` are read in the loop."""
    import inspect

    from palitra.service.api import catalogue, files, images, jobs, openai, queue

    found = {
        route.endpoint.__name__
        for part in (catalogue, files, images, jobs, openai, queue)
        for route in part.router.routes
        if inspect.iscoroutinefunction(route.endpoint) or inspect.isasyncgenfunction(route.endpoint)
    }
    assert found == {"events", "edit"}


def test_the_api_never_imports_torch():
    code = "import sys, palitra.service.api.app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
