import pytest

from palitra.errors import InputError
from palitra.spec.build import build, recipe_params
from palitra.spec.recipes import SketchToImageParams, TextToImageParams


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"fidelity": 3}, "`fidelity` must be in [0, 1], got 3"),
        ({"n": 0}, "`n` must be in [1, 64], got 0"),
        ({"steps": 5000}, "`steps` must be in [1, 1000], got 5000"),
        ({"seed": -1}, "`seed` must be in [0, 9223372036854775807], got -1"),
        ({"prompt": "  "}, "`prompt` must not be empty, got '  '"),
        ({"prompt": "x" * 2001}, "`prompt` must have at most 2000 characters, got 2001"),
        ({"sampler": "magic"}, "`sampler` must be one of ddim, ddpm, euler, heun, dpm++, got magic"),
        ({"steps": "many"}, "`steps` must be a valid int, got 'many'"),
    ],
)
def test_bad_values_name_field_bound_and_value(values, sentence):
    with pytest.raises(InputError) as caught:
        build(SketchToImageParams, {"prompt": "a cat", **values})
    assert str(caught.value) == sentence
    assert caught.value.exit_code == 2


def test_unknown_fields_list_the_known_ones():
    with pytest.raises(InputError, match="`fidelty` must be one of seed, n, model, prompt, negative"):
        build(SketchToImageParams, {"prompt": "a cat", "fidelty": 1})


def test_a_missing_prompt_is_asked_for():
    with pytest.raises(InputError, match="`prompt` must be given"):
        build(TextToImageParams, {})


def test_stored_parameters_come_back():
    params = SketchToImageParams(prompt="a cat", fidelity=0.3, best_of=4)
    assert recipe_params(params.model_dump()) == params
    with pytest.raises(InputError, match="`recipe` must be one of"):
        recipe_params({"recipe": "cooking"})


def test_the_dial_grows_stricter_and_overrides_win():
    dials = [SketchToImageParams(prompt="x", fidelity=f).dial() for f in (0, 0.3, 0.6, 1)]
    assert dials[0][0] == 0
    assert [b for b, _ in dials] == sorted(b for b, _ in dials)
    assert [s for _, s in dials] == sorted((s for _, s in dials), reverse=True)
    assert SketchToImageParams(prompt="x", beta=2, stop=0.1).dial() == (2, 0.1)
