import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from palitra.core.condition import Condition
from palitra.errors import InputError, ModelNotFoundError, WeightsError
from palitra.models.patch_autoencoder import PatchAutoencoder
from palitra.models.text_to_image import load_folder, save_mini
from palitra.models.tiny import write_tiny_stable_diffusion
from palitra.train.config import MiniConfig
from palitra.train.mini_model import build_text_encoder, build_unet

CONFIG = MiniConfig(channels=(32, 64), attention=(False, True), text_width=32, head_dim=16, text_layers=2)


@pytest.fixture
def folder(tiny_folders, tmp_path):
    return shutil.copytree(tiny_folders[0], tmp_path / "model")


@pytest.fixture(scope="module")
def model(tiny_folders):
    return load_folder(tiny_folders[0])


@pytest.fixture(scope="module")
def mini(tmp_path_factory, model):
    """A fresh mini, written with small shards; the folder and its parts."""
    torch.manual_seed(0)
    tokenizer = model.tokenizer
    parts = (build_unet(CONFIG), build_text_encoder(CONFIG, tokenizer), tokenizer, PatchAutoencoder())
    torch.nn.init.normal_(parts[0].conv_out.weight)
    folder = tmp_path_factory.mktemp("mini")
    save_mini(folder, *parts)
    return folder, parts


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_parts_and_facts(model, tiny_folders):
    assert (model.name, model.size, model.factor, model.latent_channels) == ("model", 64, 8, 4)
    assert (model.spacing, model.steps_offset, model.extra_channels) == ("leading", 1, 0)
    assert model.denoiser.parametrisation == "epsilon"
    assert model.times(4) == [751, 501, 251, 1, -1]
    assert model.device == torch.device("cpu")
    assert model.dtype == torch.float32
    assert load_folder(tiny_folders[0], name="sd15").name == "sd15"


def test_nothing_trains_and_nothing_is_left_unfilled(model):
    for network in (model.denoiser.unet, model.text_encoder, model.autoencoder.vae):
        assert not network.training
        assert not any(p.requires_grad or p.is_meta for p in network.parameters())
        assert not any(b.is_meta for b in network.buffers())


def test_fingerprint_names_the_weights(model, folder):
    assert len(model.fingerprint) == 12
    assert load_folder(folder).fingerprint == model.fingerprint
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = {k: v.clone() for k, v in load_file(path).items()}
    tensors["conv_in.bias"][0] += 1
    save_file(tensors, path)
    assert load_folder(folder).fingerprint != model.fingerprint


def test_same_seed_writes_the_same_tiny_model(tmp_path, tiny_folders):
    again = write_tiny_stable_diffusion(tmp_path / "again")
    for path in sorted(p for p in again.rglob("*") if p.is_file()):
        assert path.read_bytes() == (tiny_folders[0] / path.relative_to(again)).read_bytes(), path


def test_v_prediction_is_followed(tmp_path):
    write_tiny_stable_diffusion(tmp_path, prediction_type="v_prediction", zero_terminal_snr=True)
    model = load_folder(tmp_path)
    assert model.denoiser.parametrisation == "v_prediction"
    assert model.spacing == "trailing"
    assert model.schedule.signal(999) == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_other_number_formats_load(folder, dtype):
    model = load_folder(folder, dtype=dtype)
    assert model.denoiser.unet.dtype == model.text_encoder.dtype == model.dtype == dtype


def test_sharded_variant_weights_without_index_of_the_pipeline_load(folder, model):
    from palitra.models.weights import save_weights

    (folder / "model_index.json").unlink()
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = {k: v.clone() for k, v in load_file(path).items()}
    assert len(save_weights(folder / "unet", "diffusion_pytorch_model", tensors, limit=4_000_000)) == 4
    text = folder / "text_encoder"
    (text / "model.safetensors").rename(text / "model.fp16.safetensors")
    assert load_folder(folder).fingerprint == model.fingerprint


def test_text_tower_with_and_without_prefix_is_the_same(folder, model):
    path = folder / "text_encoder" / "model.safetensors"
    tensors = {k.removeprefix("text_model."): v.clone() for k, v in load_file(path).items()}
    tensors["embeddings.position_ids"] = torch.arange(77)[None]
    save_file(tensors, path)
    ids = torch.tensor([[1, 2, 3]])
    expected = model.text_encoder(ids).last_hidden_state
    assert torch.equal(load_folder(folder).text_encoder(ids).last_hidden_state, expected)


def test_tokenizer_of_one_file_is_the_same(folder, model):
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    text = "A photo of 2 cats, héhé 🙂 <|endoftext|> x"
    whole = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    assert whole(text).input_ids == model.tokenizer(text).input_ids
    shutil.rmtree(folder / "tokenizer")
    whole.save_pretrained(folder / "tokenizer")
    assert (folder / "tokenizer" / "tokenizer.json").is_file()
    loaded = load_folder(folder).tokenizer
    assert loaded(text).input_ids == model.tokenizer(text).input_ids
    assert loaded.pad_token_id == model.tokenizer.pad_token_id


def test_pad_token_of_sd2_is_kept(folder):
    change(folder / "tokenizer" / "tokenizer_config.json", pad_token="!")
    tokenizer = load_folder(folder).tokenizer
    assert tokenizer.pad_token_id == tokenizer.get_vocab()["!"] != tokenizer.eos_token_id


def test_inpainting_network_tells_its_extra_channels(folder):
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = {k: v.clone() for k, v in load_file(path).items()}
    tensors["conv_in.weight"] = torch.randn(32, 9, 3, 3)
    save_file(tensors, path)
    change(folder / "unet" / "config.json", in_channels=9)
    assert load_folder(folder).extra_channels == 5


def test_prompt_scale_is_the_models_own(model, mini, folder):
    assert (model.prompt_scale, load_folder(mini[0]).prompt_scale) == (7.5, 4.0)
    change(folder / "model_index.json", prompt_scale="much")
    with pytest.raises(
        WeightsError, match=r"`prompt_scale` of model_index.json must be in \[0, 100\], got 'much'"
    ):
        load_folder(folder)


def test_variances_a_model_learned_with_are_its_own(mini, tmp_path):
    folder = tmp_path / "mini"
    shutil.copytree(mini[0], folder)
    plain = load_folder(folder)
    assert plain.denoiser.preconditioning is None
    change(folder / "model_index.json", latent_variances=[0.5] * 16)
    known = load_folder(folder)
    assert known.denoiser.preconditioning is not None
    assert known.fingerprint != plain.fingerprint
    for wrong in ([0.5] * 15, [0.0] * 16, "many"):
        change(folder / "model_index.json", latent_variances=wrong)
        words = "`latent_variances` of model_index.json must be 16 numbers above 0, got "
        with pytest.raises(WeightsError, match=words):
            load_folder(folder)
    change(folder / "model_index.json", latent_variances=[0.5] * 16)
    change(folder / "scheduler" / "scheduler_config.json", prediction_type="epsilon")
    with pytest.raises(WeightsError, match="go with v_prediction, got epsilon"):
        load_folder(folder)


def test_no_folder_and_no_model_are_said(tmp_path):
    with pytest.raises(ModelNotFoundError, match="must be a folder in the diffusers layout"):
        load_folder(tmp_path / "absent")
    with pytest.raises(ModelNotFoundError, match="must be a folder with unet/ and text_encoder/ in it"):
        load_folder(tmp_path)


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder", "tokenizer", "scheduler"])
def test_missing_part_is_named(folder, part):
    shutil.rmtree(folder / part)
    with pytest.raises(WeightsError, match=f"`model` must hold the folder {part}/"):
        load_folder(folder)


def test_device_that_is_not_there_is_refused(folder):
    with pytest.raises(InputError, match="`device` must be"):
        load_folder(folder, "nonsense")


def test_pickle_called_safetensors_is_refused(folder):
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save({k: v.clone() for k, v in load_file(path).items()}, path)
    with pytest.raises(WeightsError, match=r"`unet/diffusion_pytorch_model.safetensors` is a pickled file"):
        load_folder(folder)


def test_only_pickles_say_what_to_put_where(folder):
    path = folder / "text_encoder" / "model.safetensors"
    torch.save(load_file(path), folder / "text_encoder" / "pytorch_model.bin")
    path.unlink()
    with pytest.raises(
        WeightsError, match=r"text_encoder/pytorch_model.bin` is a pickled file.*model.safetensors"
    ):
        load_folder(folder)


@pytest.mark.parametrize(
    ("part", "values", "words"),
    [
        ("unet", {"_class_name": "FluxTransformer2DModel"}, "must describe a UNet2DConditionModel, got Flux"),
        ("unet", {"addition_embed_type": "text_time"}, "got one with addition_embed_type"),
        (
            "unet",
            {"block_out_channels": [32, 64, 64, 128]},
            "`unet/diffusion_pytorch_model.safetensors` must hold",
        ),
        ("unet", {"layers_per_block": 3}, "it lacks"),
        ("unet", {"down_block_types": ["Nonsense"] * 4}, "describes no network that can be built"),
        ("unet", {"norm_num_groups": 7}, "describes no network that can be built"),
        ("text_encoder", {"architectures": ["T5EncoderModel"]}, "must describe a CLIPTextModel, got T5Enc"),
        ("text_encoder", {"num_hidden_layers": 4}, "it lacks"),
        ("text_encoder", {"num_hidden_layers": 2}, "must not hold `encoder.layers.2"),
        ("text_encoder", {"hidden_size": "wide"}, "`hidden_size` in .* must be of type int, got 'wide'"),
        ("text_encoder", {"hidden_act": "nonsense"}, "describes no network that can be built"),
        ("vae", {"latent_channels": 8}, "must hold"),
    ],
)
def test_wrong_layout_is_one_sentence(folder, part, values, words):
    change(folder / part / "config.json", **values)
    with pytest.raises(WeightsError, match=words) as error:
        load_folder(folder)
    assert "\n" not in str(error.value)


def test_config_cannot_smuggle_code(folder, model):
    danger = {
        "auto_map": {"AutoModel": "evil.Model"},
        "trust_remote_code": True,
        "_attn_implementation": "evil/kernel",
    }
    change(folder / "text_encoder" / "config.json", **danger)
    change(folder / "tokenizer" / "tokenizer_config.json", auto_map={"AutoTokenizer": ["evil.T", None]})
    change(folder / "unet" / "config.json", _name_or_path="evil/repo", quantization_config={"x": 1})
    loaded = load_folder(folder)
    assert loaded.text_encoder.config._attn_implementation == model.text_encoder.config._attn_implementation


def test_parts_of_different_width_are_refused(folder):
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = {k: v.clone() for k, v in load_file(path).items()}
    for name, value in tensors.items():
        if "attn2.to_k" in name or "attn2.to_v" in name:
            tensors[name] = torch.zeros(len(value), 48)
    save_file(tensors, path)
    change(folder / "unet" / "config.json", cross_attention_dim=48)
    with pytest.raises(WeightsError, match="`unet` must read text states of width 32, got 48"):
        load_folder(folder)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("vocab.json", "{}", "which the vocabulary does not hold"),
        ("vocab.json", '{"a": "b"}', "damaged"),
        ("merges.txt", "a\n", "damaged"),
        ("merges.txt", None, "must hold vocab.json and merges.txt"),
    ],
)
def test_damaged_tokenizer_is_said(folder, name, content, words):
    path = folder / "tokenizer" / name
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    with pytest.raises(WeightsError, match=words):
        load_folder(folder)


def test_mini_comes_back_up_to_bf16(mini):
    folder, (unet, text, _, code) = mini
    model = load_folder(folder)
    assert (model.size, model.factor, model.latent_channels, model.spacing) == (64, 4, 16, "trailing")
    assert model.denoiser.parametrisation == "v_prediction"
    assert model.denoiser.unet.dtype == torch.float32
    for ours, theirs in ((model.denoiser.unet, unet), (model.text_encoder, text)):
        want = {k.removeprefix("text_model."): v for k, v in theirs.state_dict().items()}
        for name, value in ours.state_dict().items():
            assert torch.equal(value, want[name].bfloat16().float()), name
    images = torch.rand(1, 3, 16, 16) * 2 - 1
    torch.testing.assert_close(
        model.autoencoder.decode(model.autoencoder.encode(images)), code.decode(code.encode(images))
    )


def test_mini_runs(mini):
    model = load_folder(mini[0], dtype=torch.bfloat16)
    text = model.text_encoder(torch.tensor([[1, 2, 3]])).last_hidden_state
    out = model.denoiser(torch.randn(1, 16, 16, 16), 500, Condition(text=text))
    assert out.shape == (1, 16, 16, 16)
    assert out.dtype == torch.float32
    assert out.abs().sum() > 0


def test_mini_opens_in_diffusers_and_transformers(mini):
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    folder, (unet, text, tokenizer, _) = mini
    opened = UNet2DConditionModel.from_pretrained(folder / "unet", low_cpu_mem_usage=False)
    for name, value in opened.state_dict().items():
        torch.testing.assert_close(value.float(), unet.state_dict()[name], rtol=0.01, atol=0.01)
    tower = CLIPTextModel.from_pretrained(folder / "text_encoder")
    for name, value in tower.state_dict().items():
        torch.testing.assert_close(value.float(), text.state_dict()[name], rtol=0.01, atol=0.01)
    words = "a photo of a cat"
    assert CLIPTokenizer.from_pretrained(folder / "tokenizer")(words).input_ids == tokenizer(words).input_ids


def test_words_gain_is_the_models_own(model, mini):
    assert (model.words_gain, load_folder(mini[0]).words_gain) == (0.0, 0.3)
