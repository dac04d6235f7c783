import dataclasses

import pytest
import torch

from palitra.conditions.text import count_tokens, encode_prompts
from palitra.errors import InputError
from palitra.models.text_to_image import load_folder

LONG = ", ".join(["a photo of a cat in the snow", "an oil painting of a red house"] * 6)


@pytest.fixture(scope="module")
def model(tiny_folders):
    return load_folder(tiny_folders[0])


def plain(model, texts, clip_skip=None):
    """What diffusers' pipeline makes of prompts, step by step."""
    tokens = model.tokenizer(texts, padding="max_length", max_length=77, truncation=True, return_tensors="pt")
    mask = tokens.attention_mask if model.text_encoder.config.use_attention_mask else None
    with torch.no_grad():
        out = model.text_encoder(tokens.input_ids, attention_mask=mask, output_hidden_states=True)
        if clip_skip is None:
            return out.last_hidden_state
        return model.text_encoder.final_layer_norm(out.hidden_states[-(clip_skip + 1)])


def test_plain_prompts_are_those_of_diffusers(model):
    prompts, negative = ["a photo of a cat", "a red car, höhe 🙂"], ["blurry", ""]
    wanted, unwanted = encode_prompts(model, prompts, negative)
    assert torch.equal(wanted.text, plain(model, prompts))
    assert torch.equal(unwanted.text, plain(model, negative))


def test_prompt_that_just_fits_is_one_window(model):
    prompt = "a " * 75
    assert count_tokens(model.tokenizer, prompt) == 75
    wanted, _ = encode_prompts(model, [prompt])
    assert torch.equal(wanted.text, plain(model, [prompt]))
    assert encode_prompts(model, [prompt + " a"])[0].text.shape == (1, 154, 32)


def test_one_negative_prompt_serves_all(model):
    wanted, unwanted = encode_prompts(model, ["a", "b", "c"], ["d"])
    assert (len(wanted.text), len(unwanted.text)) == (3, 1)
    assert torch.equal(encode_prompts(model, ["a"])[1].text, plain(model, [""]))


def test_attention_mask_follows_the_config(model, tiny_folders):
    masked = load_folder(tiny_folders[0])
    masked.text_encoder.config.use_attention_mask = True
    wanted, _ = encode_prompts(masked, ["a cat"])
    torch.testing.assert_close(wanted.text[:, :6], plain(masked, ["a cat"])[:, :6])
    # the tower looks only backwards, so the mask shows from the padding on
    assert not torch.allclose(wanted.text, plain(model, ["a cat"]))


def test_padding_is_the_tokenizers(model):
    tokenizer = load_padding(model, "!")
    other = dataclasses.replace(model, tokenizer=tokenizer)
    wanted, _ = encode_prompts(other, ["a cat"])
    assert torch.equal(wanted.text, plain(other, ["a cat"]))
    assert not torch.equal(wanted.text, plain(model, ["a cat"]))


def load_padding(model, pad):
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    return CLIPTokenizer(
        vocab=model.tokenizer.get_vocab(), merges=model.tokenizer._merges, pad_token=pad, model_max_length=77
    )


@pytest.mark.parametrize("skip", [0, 1, 2])
def test_clip_skip_leaves_out_last_layers_of_the_prompt_alone(model, skip):
    wanted, unwanted = encode_prompts(model, ["a cat"], ["dark"], clip_skip=skip)
    torch.testing.assert_close(wanted.text, plain(model, ["a cat"], skip))
    assert torch.equal(unwanted.text, plain(model, ["dark"]))
    if skip == 0:
        torch.testing.assert_close(wanted.text, plain(model, ["a cat"]))


def test_long_prompt_is_windows_side_by_side(model):
    ids = model.tokenizer(LONG, add_special_tokens=False).input_ids
    assert 75 < len(ids) <= 150
    wanted, unwanted = encode_prompts(model, [LONG, "a cat"], ["dark"])
    assert wanted.text.shape == (2, 154, 32)
    begin, end = model.tokenizer.bos_token_id, model.tokenizer.eos_token_id
    with torch.no_grad():
        for row, first in ((0, 0), (77, 75)):
            part = ids[first : first + 75]
            window = torch.tensor([[begin, *part, *[end] * (76 - len(part))]])
            torch.testing.assert_close(
                wanted.text[:1, row : row + 77], model.text_encoder(window).last_hidden_state
            )
    torch.testing.assert_close(wanted.text[1:, :77], plain(model, ["a cat"]))
    torch.testing.assert_close(wanted.text[1:, 77:], plain(model, [""]))
    torch.testing.assert_close(unwanted.text, torch.cat([plain(model, ["dark"]), plain(model, [""])], 1))


def test_long_negative_prompt_stretches_the_prompt(model):
    wanted, unwanted = encode_prompts(model, ["a cat"], [LONG])
    assert wanted.text.shape == unwanted.text.shape == (1, 154, 32)


@pytest.mark.parametrize("prompt", ["a (red:1) car", "([a red car])", "(a:1.0) (red car:1)"])
def test_weights_of_one_change_nothing_at_all(model, prompt):
    words = prompt.translate(str.maketrans("", "", "()[]")).replace(":1.0", "").replace(":1", "")
    wanted, _ = encode_prompts(model, [prompt])
    assert torch.equal(wanted.text, encode_prompts(model, [words])[0].text)
    assert torch.equal(wanted.text, plain(model, [words]))


def test_weights_scale_their_tokens_and_keep_the_mean(model):
    before = plain(model, ["a red car"])
    wanted, _ = encode_prompts(model, ["a (red:1.5) car"])
    ids = model.tokenizer("a red car").input_ids
    assert len(ids) == 5
    scaled = before.clone()
    scaled[:, 2] *= 1.5
    ratio = before.mean() / scaled.mean()
    torch.testing.assert_close(wanted.text, scaled * ratio)
    torch.testing.assert_close(wanted.text.mean(), before.mean())


def test_weights_do_not_touch_batch_mates(model):
    wanted, unwanted = encode_prompts(model, ["a (cat:1.4)", "a red car"], ["(dark:1.3)"])
    assert torch.equal(wanted.text[1:], plain(model, ["a red car"]))
    alone, _ = encode_prompts(model, ["a (cat:1.4)"])
    torch.testing.assert_close(wanted.text[:1], alone.text)
    assert not torch.allclose(unwanted.text, plain(model, ["dark"]))


def test_states_without_a_mean_keep_their_scale(model):
    from palitra.conditions.text import _weigh

    states = torch.randn(1, 5, 32)
    states -= states.mean()
    weights = torch.tensor([[1, 1, 1.3, 1, 1]])
    assert torch.equal(_weigh(states, weights), states * weights[:, :, None])


def test_brackets_can_be_plain_text(model):
    prompt = "a (cat) [1920]"
    wanted, _ = encode_prompts(model, [prompt], weighted=False)
    assert torch.equal(wanted.text, plain(model, [prompt]))
    assert count_tokens(model.tokenizer, "(cat)") == 1
    assert count_tokens(model.tokenizer, "(cat)", weighted=False) == 3


def test_conditions_leave_room_for_gradients(model):
    text = encode_prompts(model, ["a"])[0].text
    assert not text.requires_grad
    text.clone().requires_grad_().sum().backward()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"prompts": []}, "`prompt` must not be empty"),
        ({"prompts": ["a", "b"], "negative": ["x", "y", "z"]}, "`negative` must have 1 or 2 prompts, got 3"),
        ({"prompts": ["a"], "negative": []}, "`negative` must have 1 or 1 prompts, got 0"),
        ({"prompts": ["a " * 1201]}, "`prompt` must have at most 1200 tokens, got 1201"),
        ({"prompts": ["a"], "clip_skip": 3}, r"`clip_skip` must be in \[0, 2\], got 3"),
        ({"prompts": ["(a:20)"]}, "`prompt` weights must be"),
    ],
)
def test_bad_input_is_named(model, call, words):
    with pytest.raises(InputError, match=words):
        encode_prompts(model, **call)
