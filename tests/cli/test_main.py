"""The command line as a user meets it: a process, its output, its exit code."""

import json
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from tests.tiny_studio import drawing

SLOW = pytest.mark.slow


def palitra(*words, cwd=None):
    return subprocess.run(
        [sys.executable, "-c", "from palitra.cli.main import main; main()", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
    )


def sentence(done):
    """The one line of an error: no traceback."""
    lines = done.stderr.strip().splitlines()
    assert "Traceback" not in done.stderr
    assert len(lines) == 1, done.stderr
    return lines[0]


@pytest.fixture
def sketch_file(tmp_path):
    drawing().save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


def test_help_needs_no_torch():
    code = "import sys; import palitra.cli.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert "sketch" in palitra("--help").stdout


def test_version():
    assert palitra("--version").stdout.startswith("palitra ")


@SLOW
def test_sketch_writes_pictures_and_prints_one_json_object(tiny_folders, sketch_file, tmp_path):
    model, predictor = tiny_folders
    words = ["sketch", sketch_file, "-p", "a photo of a cat", "--model", model, "--predictor", predictor]
    done = palitra(*words, "-n", 2, "--steps", 2, "--seed", 7, "--sheet", "--json", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["seeds"] == [7, 8]
    assert {"files", "seconds", "network_calls", "device", "model", "notes", "sheet"} <= told.keys()
    for file in told["files"]:
        with Image.open(file) as image:
            assert image.size == (64, 64)
    lost = palitra("again", told["files"][1], "--out", tmp_path / "again")
    assert lost.returncode == 2
    assert "has no edge predictor" in sentence(lost)


@SLOW
def test_text_and_again_are_the_same_bytes(tiny_folders, tmp_path):
    words = ["text", "a cat", "--model", tiny_folders[0], "--steps", 2, "--upscale"]
    file = json.loads(palitra(*words, "--out", tmp_path, "--json").stdout)["files"][0]
    second = palitra("again", file, "--out", tmp_path / "again", "--json")
    copy = json.loads(second.stdout)["files"][0]
    with Image.open(file) as one, Image.open(copy) as other:
        assert one.size == (128, 128)
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["sketch", "nothing.png", "-p", "a cat"], "`image` must name a picture file, got nothing.png"),
        (["sketch", "SKETCH", "-p", ""], "`prompt` must not be empty"),
        (["sketch", "SKETCH", "-p", "a cat", "--fidelity", "3"], "`fidelity` must be in [0"),
        (["text", "a cat", "-n", "100"], "`n` must be in [1, 64], got 100"),
        (["again", "SKETCH"], "`file`"),
        (["edges", "nothing.png", "out.png"], "nothing.png"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(words, part, sketch_file, tmp_path):
    done = palitra(*[sketch_file if w == "SKETCH" else w for w in words], cwd=tmp_path)
    assert part in sentence(done)
    assert done.returncode == 2


@SLOW
@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["text", "a cat", "--model", "sd99"], "sd99"),
        (["text", "a cat", "--device", "toaster"], "`device` must be auto, cpu"),
        (["models", "show", "nothing"], "nothing"),
    ],
)
def test_unknown_models_and_devices(words, part, tmp_path):
    done = palitra(*words, cwd=tmp_path)
    assert part in sentence(done)
    assert done.returncode == 2


@SLOW
def test_ctrl_c_stops_after_the_running_step_and_keeps_the_finished_pictures(
    tiny_folders, sketch_file, tmp_path
):
    """Eight pictures a batch; SIGINT comes as soon as the first file lies there."""
    model, predictor = tiny_folders
    out = tmp_path / "out"
    words = ["sketch", sketch_file, "-p", "a cat", "--model", model, "--predictor", predictor]
    words += ["-n", 64, "--steps", 20, "--out", out]
    code = "from palitra.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    waited = time.monotonic()
    while not list(out.glob("*.png")) and process.poll() is None and time.monotonic() - waited < 120:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    files = list(out.iterdir())
    assert process.returncode in (1, 2, 130), (told, len(files))
    assert "Traceback" not in told
    assert "finished pictures are kept" in told
    assert 0 < len(files) < 64
    for file in files:
        with Image.open(file) as image:
            image.load()
            assert image.size == (64, 64)


@pytest.mark.parametrize("words", [("serve",), ("worker",), ("keys", "list")])
def test_without_the_services_libraries_the_sentence_says_what_to_install(words, monkeypatch, capsys):
    from palitra.cli import main, serve

    monkeypatch.setattr(serve, "find_spec", lambda name: None if name == "dbos" else object())
    monkeypatch.setattr("sys.argv", ["palitra", *words])
    with pytest.raises(SystemExit) as stopped:
        main.main()
    assert stopped.value.code == 2
    assert "(dbos): pip install 'palitra[service]'" in capsys.readouterr().err
