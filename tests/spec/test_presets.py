import pytest

from palitra.spec.build import RECIPES, build
from palitra.spec.presets import PRESETS


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.name)
@pytest.mark.parametrize("kind", RECIPES.values())
def test_every_preset_builds_every_recipe_without_what_it_does_not_have(preset, kind):
    values = {k: v for k, v in preset.values.items() if k in kind.model_fields}
    needed = {"prompt": "a cat"} if "prompt" in kind.model_fields else {"model": "fashion"}
    assert build(kind, {**needed, **values}).steps == preset.values["steps"]


def test_names_are_unique_and_words_are_sentences():
    assert len({p.name for p in PRESETS}) == len(PRESETS)
    assert all(p.en.help.endswith(".") and p.ru.help.endswith(".") for p in PRESETS)
