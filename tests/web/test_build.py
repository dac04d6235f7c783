"""The page's own checks, and that a wheel carries the page."""

import shutil
import subprocess
from pathlib import Path

import pytest

from palitra.service.api.page import PAGE

WEB = Path(__file__).parents[2] / "web"


@pytest.mark.parametrize("check", ["test", "types"])
def test_the_pages_own_checks_pass(check):
    if shutil.which("npm") is None or not (WEB / "node_modules").is_dir():
        pytest.skip("no Node on PATH, or no web/node_modules: `npm ci` in web/")
    done = subprocess.run(
        ["npm", "run", "--silent", check], cwd=WEB, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["index.html", "study.html"])
def test_the_page_has_no_inline_script_or_style(name):
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page was not built: install the package anew")
    html = (PAGE / name).read_text(encoding="utf-8")
    assert "<style" not in html
    assert html.count("<script") == html.count('<script type="module" crossorigin src="/assets/')
