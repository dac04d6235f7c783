import pytest

from palitra.spec.build import RECIPES, build
from palitra.spec.presets import PRESETS

NEEDED = {"classes": {"model": "fashion"}, "edit": {"target": "a cat"}}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.name)
@pytest.mark.parametrize("name", RECIPES)
def test_every_preset_builds_every_recipe_without_what_it_does_not_have(preset, name):
    kind = RECIPES[name]
    values = {k: v for k, v in preset.of(name).items() if k in kind.model_fields}
    wanted = preset.values.get(f"{name}.steps", preset.values["steps"])
    assert build(kind, {**NEEDED.get(name, {"prompt": "a cat"}), **values}).steps == wanted


def test_a_value_of_one_recipe_goes_before_the_one_for_all():
    draft = PRESETS[0]
    assert draft.of("edit")["steps"] != draft.of("text_to_image")["steps"]
    assert all("." not in name for name in draft.of("edit"))


def test_names_are_unique_and_words_are_sentences():
    assert len({p.name for p in PRESETS}) == len(PRESETS)
    assert all(p.en.help.endswith(".") and p.ru.help.endswith(".") for p in PRESETS)
