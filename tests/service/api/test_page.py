"""The page's files: what browsers may keep, and a sentence where nothing was built."""

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from palitra.service.api.page import install


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "a-1234.js").write_text("1")
    (tmp_path / "index.html").write_text("<p>page</p>")
    (tmp_path / "docs.html").write_text("<p>docs</p>")
    (tmp_path / "study.html").write_text("<p>study</p>")
    return tmp_path


def served(folder):
    app = FastAPI(docs_url=None)
    install(app, folder)
    return TestClient(app)


def test_assets_are_kept_and_pages_asked_for_again(folder):
    client = served(folder)
    assert client.get("/").text == "<p>page</p>"
    assert client.get("/docs").text == "<p>docs</p>"
    assert client.get("/study/pilot").text == "<p>study</p>"
    assert client.get("/").headers["cache-control"] == "no-cache"
    assert "immutable" in client.get("/assets/a-1234.js").headers["cache-control"]


@pytest.mark.parametrize("path", ["/nothing", "/assets/../../secret", "/%2e%2e/secret", "/..%5csecret"])
def test_nothing_else_is_served(folder, path):
    (folder.parent / "secret").write_text("secret")
    assert served(folder).get(path).status_code == 404


def test_without_a_build_a_sentence_says_so(tmp_path):
    answer = served(tmp_path / "none").get("/")
    assert answer.status_code == 200
    assert "npm run build" in answer.text
