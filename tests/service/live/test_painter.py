import pytest
from PIL import Image

from palitra.errors import ModelNotFoundError
from palitra.recipes.upscale import enlarged
from palitra.service.live.painter import EnlargingPainter, studio_painter, warmed
from palitra.service.settings import Settings
from tests.service.live.fake_live_painter import FakeLivePainter
from tests.tiny_studio import drawing


def test_small_pictures_are_enlarged_as_finished_ones_are():
    sketch = drawing()
    small = FakeLivePainter().draw(sketch, "", 77, bool)
    large = EnlargingPainter(FakeLivePainter()).draw(sketch, "", 77, bool)
    assert large.size == (16, 16)
    assert large.tobytes() == enlarged(small)[0].tobytes()


def test_a_model_that_is_not_here_is_said_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("PALITRA_HOME", str(tmp_path))
    settings = Settings(folder=tmp_path, live_model="sd15", device="cpu")
    with pytest.raises(ModelNotFoundError):
        studio_painter(settings)
    with pytest.raises(SystemExit, match="palitra: no live pictures: `model` sd15"):
        warmed(studio_painter, settings)


def test_the_models_own_live_way_draws(tiny_folders, tmp_path, monkeypatch):
    model, predictor = tiny_folders
    monkeypatch.setattr("palitra.studio.predictor_folder", lambda name: predictor)
    painter = studio_painter(Settings(folder=tmp_path, live_model=str(model), device="cpu"))
    one, again = (painter.draw(drawing(), "a house", 3, lambda: False) for _ in range(2))
    assert isinstance(one, Image.Image)
    assert one.tobytes() == again.tobytes()
