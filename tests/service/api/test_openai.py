"""The official `openai` package, pointed at this server."""

import base64

import pytest

from palitra.service.keys import make_key
from tests.service.api.test_files import picture

openai = pytest.importorskip("openai", reason="the openai package is not installed")


@pytest.fixture
def official(client, worker, settings):
    key = make_key(settings, "ann")
    return openai.OpenAI(api_key=key, base_url="http://testserver/v1", http_client=client, max_retries=0)


def test_a_picture_is_generated(official):
    told = official.images.generate(
        model="gpt-image-1", prompt="a cat", n=2, size="1024x1024", extra_body={"steps": 3, "seed": 9}
    )
    data = [base64.b64decode(each.b64_json) for each in told.data]
    assert [d[:4] for d in data] == [b"\x89PNG"] * 2
    assert told.created > 1_700_000_000


def test_a_picture_is_edited(official):
    told = official.images.edit(
        image=("a.png", picture()), prompt="a cat", extra_body={"steps": 2, "fidelity": 0.8}
    )
    assert base64.b64decode(told.data[0].b64_json).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ({"response_format": "url"}, "`response_format` must be b64_json, got url"),
        ({"n": 99}, "`n` must be in"),
        ({"extra_body": {"colour": 1}}, "`colour` must be one of"),
    ],
)
def test_what_it_cannot_do_is_told(official, wish, sentence):
    with pytest.raises(openai.UnprocessableEntityError, match=sentence):
        official.images.generate(prompt="a cat", **wish)


def test_a_failed_job_is_an_error(official):
    with pytest.raises(openai.InternalServerError, match="must not be fail"):
        official.images.generate(prompt="fail")


@pytest.mark.parametrize(("wish", "enlarged"), [({}, True), ({"upscale": False}, False)])
def test_pictures_for_looking_at_are_enlarged(client, worker, settings, wish, enlarged):
    headers = {"Authorization": f"Bearer {make_key(settings, 'ann')}"}
    body = {"prompt": "a cat", "steps": 2, **wish}
    made = client.post("/v1/images/generations", json=body, headers=headers).json()
    job = client.get(f"/v1/jobs/{made['job']}", headers=headers).json()
    assert job["params"]["upscale"] is enlarged


def test_programs_get_the_models_own_size(client, worker, settings):
    headers = {"Authorization": f"Bearer {make_key(settings, 'ann')}"}
    wish = {"recipe": "text_to_image", "prompt": "a cat", "steps": 2}
    assert client.post("/v1/jobs", json=wish, headers=headers).json()["params"]["upscale"] is False
