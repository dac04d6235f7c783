import io
import json

import pytest
from PIL import Image

from tests.service.api.conftest import ended
from tests.service.api.test_jobs import hand_in


@pytest.fixture
def images(client, worker):
    first = ended(client, hand_in(client, prompt="a red cat"))
    second = ended(client, hand_in(client, prompt="Дом у реки", n=1))
    return [i["id"] for i in first["images"] + second["images"]]


def test_the_gallery_is_searched_by_words(client, images):
    assert [i["id"] for i in client.get("/v1/images").json()["images"]][:1] == images[2:]
    found = client.get("/v1/images", params={"search": "red"}).json()["images"]
    assert {i["id"] for i in found} == set(images[:2])
    assert client.get("/v1/images", params={"search": "100%"}).json()["images"] == []
    assert len(client.get("/v1/images", params={"search": "реки"}).json()["images"]) == 1


def test_favourites(client, images):
    assert client.patch(f"/v1/images/{images[0]}", json={"favourite": True}).json()["favourite"] is True
    loved = client.get("/v1/images?favourite=true").json()["images"]
    assert [i["id"] for i in loved] == images[:1]


def test_pages(client, images):
    page = client.get("/v1/images?limit=2").json()
    rest = client.get("/v1/images", params={"limit": 2, "cursor": page["cursor"]}).json()
    assert len({i["id"] for i in page["images"] + rest["images"]}) == 3


@pytest.mark.parametrize("form", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("metadata", [True, False])
def test_formats_sizes_and_the_recipe_in_them(client, images, form, metadata):
    url = f"/v1/images/{images[0]}?format={form}&width=32&metadata={str(metadata).lower()}"
    answer = client.get(url)
    assert answer.headers["content-type"] == f"image/{form}"
    with Image.open(io.BytesIO(answer.content)) as image:
        assert image.size == (32, 32)
        text = image.info.get("palitra") or image.getexif().get(0x010E)
    assert (json.loads(text)["seed"] == 4) if metadata else text is None
    assert client.get(url, headers={"if-none-match": answer.headers["etag"]}).status_code == 304


def test_a_deleted_picture_is_gone(client, images):
    assert client.delete(f"/v1/images/{images[0]}").status_code == 204
    assert client.get(f"/v1/images/{images[0]}").status_code == 404
    assert client.get(f"/v1/images/{images[1]}").status_code == 200


@pytest.mark.parametrize(("search", "found"), [("кот", 1), ("КОТ В ШЛЯПЕ", 1), ("ЁЖ", 0), ("CAT", 1)])
def test_search_knows_no_case_in_any_alphabet(client, worker, search, found):
    for prompt in ("Кот в Шляпе", "a Cat"):
        ended(client, hand_in(client, prompt=prompt, n=1))
    told = client.get("/v1/images", params={"search": search}).json()["images"]
    assert len(told) == found
