import threading

import pytest
import torch

from palitra.core.attention import AttentionTap
from palitra.core.condition import Condition
from palitra.core.guider import Guider
from palitra.core.parametrise import to_prediction
from palitra.core.preconditioning import Preconditioning
from palitra.core.predictor import Predictor
from palitra.core.schedule import Schedule
from palitra.core.sites import select
from palitra.core.tap import Record
from palitra.guiders.cfg import Conditional
from palitra.models.attention_maps import TappedAttention
from palitra.models.diffusers_unet import DiffusersUNet
from tests.models.tiny_unet import Change, bus, denoiser, hook_count, latents, tiny_unet, words


@pytest.fixture(scope="module")
def network():
    return denoiser()


def run(network, *taps, x=None, cut=False):
    x = latents() if x is None else x
    return network(x, 500, words(), bus(x, *taps, cut=cut))


def maps_now(network):
    modules = network.unet.named_modules()
    return [name for name, m in modules if isinstance(getattr(m, "processor", None), TappedAttention)]


def with_values(sites):
    """All but those where only an AttentionTap stands."""
    return [site for site in sites if not site.endswith(".attend")]


def test_without_taps_it_is_the_unet(network):
    x, text = latents(), words()
    assert torch.equal(network(x, 500, text), network.unet(x, 500, text.text).sample)
    assert torch.equal(network(x, 500, text), run(network))


def test_weights_are_frozen_and_in_evaluation_mode(network):
    assert not network.unet.training
    assert not any(p.requires_grad for p in network.unet.parameters())


def test_a_batch_may_hold_several_times(network):
    x, text = latents(batch=2), words(batch=2)
    made = network(x, torch.tensor([100, 700]), text)
    one = network(x[1:], 700, text.rows(slice(1, 2)))
    assert torch.allclose(made[1:], one, atol=1e-5)


def test_a_condition_of_1_serves_the_whole_batch(network):
    x = latents(batch=3)
    assert torch.equal(network(x, 500, words()), network(x, 500, words().expand(3)))


def test_extra_channels_are_concatenated():
    network = denoiser(in_channels=6)
    x, more = latents(), latents(1)[:, :2]
    told = Condition(text=words().text, channels=more)
    expected = network.unet(torch.cat([x, more], 1), 500, words().text).sample
    assert torch.equal(network(x, 500, told), expected)


def test_latents_leave_in_float32_also_from_a_bf16_network():
    network = DiffusersUNet(tiny_unet().to(torch.bfloat16), "epsilon")
    assert network(latents(), 500, words()).dtype == torch.float32


def test_a_site_is_seen_once_and_watching_changes_nothing(network):
    plain = run(network)
    for site in with_values(select(network.sites, "mid.*|down.0.downsample|up.0.upsample|up.1.res.1")):
        tap = Change(site)
        assert torch.allclose(run(network, tap), plain, atol=1e-5), site
        assert [name for name, _ in tap.seen] == [site]


def test_all_sites_at_once_are_seen_in_their_order(network):
    tap = Change("*")
    assert torch.allclose(run(network, tap), run(network), atol=1e-5)
    assert [name for name, _ in tap.seen] == with_values(network.sites)


def test_shapes_of_an_attentions_parts(network):
    tap = Change("up.1.attn.0.block.0.cross.*")
    run(network, tap, x=latents(batch=1))
    shapes = {name.rsplit(".", 1)[-1]: shape for name, shape in tap.seen}
    heads = dict(network.unet.named_modules())["up_blocks.1.attentions.0.transformer_blocks.0.attn2"].heads
    assert shapes == {
        "q": (1, 64, 8),
        "k": (1, 5, 8),
        "v": (1, 5, 8),
        "probs": (1, heads, 64, 5),
        "out": (1, 64, 8),
    }


def test_only_the_wanted_map_is_made(network):
    made = []

    def look(value):
        made.append(maps_now(network))
        return value

    run(network, Change("mid.attn.0.block.0.self.probs|up.0.res.0", look))
    assert made == [["mid_block.attentions.0.transformer_blocks.0.attn1"]] * 2
    made.clear()
    run(network, Change("*.q|*.out|*.res.*", look))
    assert set(map(tuple, made)) == {()}


@pytest.mark.parametrize("kind", ["self", "cross"])
@pytest.mark.parametrize("part", ["q", "k", "v"])
def test_scaling_q_k_v_is_scaling_their_weights(network, part, kind):
    site = f"up.0.attn.0.block.0.{kind}.{part}"
    tapped = run(network, Change(site, lambda v: 3 * v))
    changed = tiny_unet()
    block = changed.up_blocks[0].attentions[0].transformer_blocks[0]
    attention = block.attn1 if kind == "self" else block.attn2
    with torch.no_grad():
        getattr(attention, f"to_{part}").weight.mul_(3)
    assert torch.allclose(tapped, run(DiffusersUNet(changed, "v_prediction")), atol=1e-5)
    assert not torch.allclose(tapped, run(network), atol=1e-6)


def test_out_is_the_value_before_the_output_projection(network):
    tapped = run(network, Change("up.0.attn.0.block.0.cross.out", lambda v: 3 * v))
    changed = tiny_unet()
    with torch.no_grad():
        changed.up_blocks[0].attentions[0].transformer_blocks[0].attn2.to_out[0].weight.mul_(3)
    assert torch.allclose(tapped, run(DiffusersUNet(changed, "v_prediction")), atol=1e-5)


def test_probs_and_values_of_one_attention_can_be_changed_together(network):
    site = "mid.attn.0.block.0.self"
    uniform = Change(f"{site}.probs", lambda p: torch.full_like(p, 1 / p.shape[-1]))
    zero = Change(f"{site}.v", torch.zeros_like)
    assert torch.allclose(run(network, uniform, zero), run(network, zero), atol=1e-5)
    assert not torch.allclose(run(network, uniform), run(network), atol=1e-6)


@pytest.mark.parametrize("site", ["down.0.res.0", "mid.attn.0", "down.0.downsample", "up.0.upsample"])
def test_an_output_is_what_the_next_modules_read(network, site):
    record = Record(site, ("target",))
    x = latents()
    asked = bus(x, record, Change(site, lambda v: v + 1))
    changed = network(x, 500, words(), asked)
    assert not torch.allclose(changed, run(network), atol=1e-5)
    (feature,) = network.features(x, 500, words(), [site])
    assert torch.equal(asked.step.seen["target", site], feature)


def test_nothing_is_left_after_use(network):
    hooks, plain = hook_count(network.unet), run(network)
    x = latents().requires_grad_()
    run(network, Change("*"), x=x, cut=True)
    network.features(latents(), 500, words(), ["mid.res.0"])
    assert hook_count(network.unet) == hooks
    assert maps_now(network) == []
    assert torch.equal(run(network), plain)


def test_nothing_is_left_after_an_exception(network):
    hooks = hook_count(network.unet)

    def fail(value):
        raise ValueError("stop")

    for sites in ("mid.res.0", "*.probs", "*.out", "up.1.res.1|*.k"):
        with pytest.raises(ValueError, match="stop"):
            run(network, Change(sites, fail), x=latents().requires_grad_(), cut=True)
    assert hook_count(network.unet) == hooks
    assert maps_now(network) == []


def energy_gradient(network, sites, cut):
    x = latents().requires_grad_()
    asked = bus(x, Record("|".join(sites), ("target",)), cut=cut)
    output = network(x, 500, words(), asked)
    energy = sum(asked.step.seen["target", site].square().sum() for site in sites)
    return torch.autograd.grad(energy, x)[0], output


LASTS = [
    ["down.0.res.0"],
    ["down.0.attn.0", "mid.res.1"],
    ["down.1.attn.0", "mid.attn.0"],
    ["mid.res.0", "up.0.upsample"],
    ["down.0.res.0", "up.1.res.0"],
    ["mid.attn.0", "up.1.attn.0"],
    *([f"down.0.attn.0.block.0.self.{part}"] for part in ("q", "k", "v", "probs", "out")),
    ["mid.res.0", "up.1.attn.0.block.0.cross.probs"],
    ["up.1.attn.1.block.0.cross.out"],
]


@pytest.mark.parametrize("sites", LASTS, ids=" ".join)
def test_the_cut_above_the_last_tap_leaves_the_gradient_unchanged(network, sites):
    whole, output = energy_gradient(network, sites, cut=False)
    cut, same = energy_gradient(network, sites, cut=True)
    assert whole.abs().max() > 0
    assert (cut - whole).abs().max() == 0
    assert torch.equal(output, same)


@pytest.mark.parametrize("sites", LASTS, ids=" ".join)
def test_nothing_above_the_last_tap_holds_a_graph(network, sites):
    x = latents().requires_grad_()
    position = list(network.sites).index(sites[-1])
    inside = {s.rsplit(".block.", 1)[0] for s in sites}
    later = [
        s for s in network.sites[position + 1 :] if network._sites[s].part == "output" and s not in inside
    ]
    held = {}
    handles = [
        network._sites[name].module.register_forward_hook(
            lambda _m, _i, out, name=name: held.update(
                {name: (out if torch.is_tensor(out) else out[0]).requires_grad}
            )
        )
        for name in later
    ]
    try:
        output = network(x, 500, words(), bus(x, Record("|".join(sites), ("target",)), cut=True))
    finally:
        for handle in handles:
            handle.remove()
    assert set(held) == set(later)
    assert not any(held.values())
    if later:
        assert not output.requires_grad


def test_without_the_cut_the_output_is_differentiable(network):
    x = latents().requires_grad_()
    output = network(x, 500, words(), bus(x, Record("mid.res.0", ("target",))))
    assert torch.autograd.grad(output.sum(), x)[0].norm() > 0


def test_features_are_what_a_whole_pass_records(network):
    block = "attn.0.block.0"
    outputs = ["up.0.upsample", "down.0.attn.0", "mid.res.1"]
    sites = [*outputs, f"mid.{block}.self.k", f"up.0.{block}.cross.out", f"down.1.{block}.self.probs"]
    x = latents(batch=2)
    record = bus(x, Record("|".join(sites), ("target",)))
    network(x, 500, words(batch=2), record)
    features = network.features(x, 500, words(batch=2), sites)
    for site, value in zip(sites, features, strict=True):
        assert torch.equal(value, record.step.seen["target", site]), site


def test_features_stop_at_the_last_site(network):
    reached = []
    handle = network.unet.up_blocks[1].register_forward_hook(lambda *_: reached.append(1))
    try:
        (value,) = network.features(latents(), 500, words(), ["up.0.upsample"])
    finally:
        handle.remove()
    assert reached == []
    assert not value.requires_grad


def test_two_threads_get_what_they_would_get_one_after_the_other(network):
    jobs = [
        Change("*.self.probs", lambda p: p.flip(-1)),
        Change("mid.res.*", lambda v: 2 * v),
        Change("*.cross.k", torch.zeros_like),
    ]
    alone = [run(network, job) for job in jobs]
    together = [[] for _ in jobs]

    def work(i):
        for _ in range(4):
            together[i].append(run(network, jobs[i]))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for expected, got in zip(alone, together, strict=True):
        assert len(got) == 4
        assert all(torch.equal(g, expected) for g in got)


def test_sites_can_be_selected_by_pattern(network):
    assert select(network.sites, "up.*.cross.probs") == [
        f"up.{b}.attn.{a}.block.0.cross.probs" for b in (0, 1) for a in (0, 1)
    ]


@pytest.mark.parametrize("uses_prediction", [False, True])
def test_the_predictor_cuts_only_where_no_energy_reads_the_prediction(network, uses_prediction):
    class Energy(Guider):
        gradient_branches = ("target",)
        taps = (Record("mid.res.0", ("target",)),)
        into = "latent"

        def __init__(self):
            self.uses_prediction = uses_prediction

        def energy(self, step):
            value = step.predictions["target"].x0 if uses_prediction else step.seen["target", "mid.res.0"]
            return value.square().flatten(1).sum(1)

    schedule = Schedule.cosine(zero_terminal_snr=True)
    predictor = Predictor(network, schedule, [Conditional(words()), Energy()])
    predictor(latents(), 500, 0, 10)
    x = latents().requires_grad_()
    asked = bus(x, *Energy.taps)
    p = to_prediction(network(x, 500, words(), asked), x, schedule.signal(500), "v_prediction")
    value = p.x0 if uses_prediction else asked.step.seen["target", "mid.res.0"]
    (expected,) = torch.autograd.grad(value.square().sum(), x)
    assert torch.equal(predictor.latent_gradients[0].gradient, expected)


class Distance(AttentionTap):
    sites = "*.self.attend"

    def __call__(self, site, attention, rows, step, attend):
        step.seen["target", site] = attention.q.square().mean((1, 2, 3)) + attention.k.mean((1, 2, 3))
        return 1.1 * attend(attention)


class Energy(Guider):
    gradient_branches = ("target",)
    taps = (Distance(), Record("up.1.res.1", ("target",)))

    def energy(self, step):
        return sum(v if v.ndim == 1 else v.square().mean((1, 2, 3)) for v in step.seen.values())


def test_checkpointing_changes_memory_and_nothing_else(network):
    def run(checkpoint):
        guiders = [Conditional(words()), Energy()]
        predictor = Predictor(network, Schedule.linear(), guiders, checkpoint=checkpoint)
        return predictor(latents(batch=2), 500, 0, 10)

    assert torch.equal(run(True).eps, run(False).eps)
    assert hook_count(network.unet) == 0
    assert not any(getattr(m, "gradient_checkpointing", False) for m in network.unet.modules())


def flowing():
    schedule = Schedule.flow(1000, 2.0)
    return DiffusersUNet(tiny_unet(), "flow_prediction", schedule), schedule


def test_a_flow_gets_its_own_latent_and_its_time_in_thousandths():
    network, schedule = flowing()
    x, text = latents(batch=2), words(batch=2)
    times = torch.tensor([99, 999])
    tau = schedule.levels[times].float()
    own = x * ((1 - tau) ** 2 + tau**2).sqrt().view(-1, 1, 1, 1)
    expected = network.unet(own, 1000 * tau, text.text).sample
    assert torch.equal(network(x, times, text), expected)
    # a batch of one meets other kernels
    assert torch.allclose(network(x[:1], 99, text.rows(slice(0, 1))), expected[:1], atol=1e-5)


def test_ddim_on_a_flow_is_the_euler_walk_of_diffusers():
    from diffusers import FlowMatchEulerDiscreteScheduler

    from palitra.core.loop import sample
    from palitra.samplers.ddim import DDIM

    network, schedule = flowing()
    times = schedule.times(5, "trailing")
    predictor = Predictor(network, schedule, [Conditional(words())])
    ours = sample(DDIM(schedule), predictor, latents(), times)
    theirs = FlowMatchEulerDiscreteScheduler(shift=2.0)
    # what set_timesteps shifts once more
    theirs.set_timesteps(sigmas=[1.0, 0.8, 0.6, 0.4, 0.2])
    y = latents()
    for time in theirs.timesteps:
        y = theirs.step(network.unet(y, time, words().text).sample, time, y).prev_sample
    # five evaluations in float32
    assert torch.allclose(ours, y, atol=1e-5)


def test_a_preconditioned_network_is_asked_and_understood_channel_by_channel():
    schedule = Schedule.cosine(1000, zero_terminal_snr=True)
    x, text = latents(batch=2), words(batch=2)
    known = Preconditioning(torch.linspace(0.2, 3, x.shape[1]), schedule.abar.float())
    network = DiffusersUNet(tiny_unet(), "v_prediction", schedule, known)
    times = torch.tensor([99, 999])
    out = network.unet(known.asked(x, times), times, text.text).sample
    assert torch.equal(network(x, times, text), known.answered(x, out, times))
    again = network.of(network.unet)
    assert torch.equal(again(x, times, text), network(x, times, text))
