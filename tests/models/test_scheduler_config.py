import json

import pytest
import torch

from palitra.errors import WeightsError
from palitra.models.scheduler_config import MINI_SCHEDULER, read_sampling, sampling_from

SD = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}


@pytest.mark.parametrize(
    "config",
    [
        {},
        SD,
        SD | {"set_alpha_to_one": False, "steps_offset": 1},
        SD
        | {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"},
        {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 300},
        {"beta_schedule": "squaredcos_cap_v2", "rescale_betas_zero_snr": True},
        {"trained_betas": [0.01, 0.02, 0.05, 0.1], "num_train_timesteps": 4},
        {"timestep_spacing": "linspace", "prediction_type": "sample"},
    ],
)
def test_schedule_is_that_of_diffusers(config):
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    theirs = DDIMScheduler(**config)
    ours = sampling_from(config | {"_class_name": "DDIMScheduler"})
    # diffusers multiplies up in float32
    torch.testing.assert_close(ours.schedule.abar, theirs.alphas_cumprod.double(), rtol=0, atol=1e-6)
    assert ours.schedule.final_abar == pytest.approx(float(theirs.final_alpha_cumprod), abs=1e-6)
    assert ours.parametrisation == theirs.config.prediction_type
    theirs.set_timesteps(4)
    assert ours.times(4) == [*theirs.timesteps.tolist(), -1]


def test_mini_is_sampled_as_it_is_trained():
    from palitra.train.mini import mini_schedule

    ours = sampling_from(MINI_SCHEDULER)
    assert torch.equal(ours.schedule.abar, mini_schedule().abar)
    assert ours.schedule.final_abar == mini_schedule().final_abar
    assert (ours.parametrisation, ours.spacing, ours.steps_offset) == ("v_prediction", "trailing", 0)
    assert ours.times(20) == [*range(999, 0, -50), -1]


@pytest.mark.parametrize(
    ("kind", "spacing", "clean_end"),
    [
        ("DDIMScheduler", "leading", True),
        ("PNDMScheduler", "leading", False),
        ("EulerDiscreteScheduler", "linspace", True),
        ("DPMSolverMultistepScheduler", "linspace", True),
        ("EulerAncestralDiscreteScheduler", "linspace", True),
    ],
)
def test_keys_left_out_take_the_named_solvers_defaults(kind, spacing, clean_end):
    sampling = sampling_from(SD | {"_class_name": kind})
    assert sampling.spacing == spacing
    assert (sampling.schedule.final_abar == 1) is clean_end


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (
            {"beta_schedule": "sigmoid"},
            "`beta_schedule` of scheduler_config.json must be linear, scaled_linear or",
        ),
        ({"prediction_type": "flow"}, "`prediction_type` .* got flow"),
        (
            {"prediction_type": "flow_prediction"},
            "`use_flow_sigmas` .* must be true with flow_prediction, got None",
        ),
        ({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 0}, r"`shift` .* got 0"),
        (
            {"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": True},
            "`use_dynamic_shifting` .* must be left out or false, got True",
        ),
        ({"timestep_spacing": "odd"}, "`timestep_spacing` .* got odd"),
        ({"num_train_timesteps": 0}, r"must be in \[1, 100000\], got 0"),
        ({"num_train_timesteps": "many"}, "got many"),
        ({"beta_start": 0.1, "beta_end": 0.01}, "`beta_start`"),
        ({"beta_start": float("nan")}, "`beta_start`"),
        ({"steps_offset": 2000}, "`steps_offset`"),
        ({"trained_betas": [2.0]}, "`trained_betas`"),
        ({"trained_betas": "x"}, "`trained_betas`"),
    ],
)
def test_values_out_of_bounds_are_named(config, words):
    with pytest.raises(WeightsError, match=words):
        sampling_from(config)


def test_file_is_read_and_its_faults_named(tmp_path):
    path = tmp_path / "scheduler" / "scheduler_config.json"
    with pytest.raises(WeightsError, match=r"must hold scheduler_config.json"):
        read_sampling(path)
    path.parent.mkdir()
    path.write_text("nonsense")
    with pytest.raises(WeightsError, match="is not JSON"):
        read_sampling(path)
    path.write_text(json.dumps(dict(MINI_SCHEDULER)))
    assert read_sampling(path).spacing == "trailing"


@pytest.mark.parametrize(
    "config",
    [
        {"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0},
        {
            "_class_name": "DPMSolverMultistepScheduler",
            "prediction_type": "flow_prediction",
            "use_flow_sigmas": True,
            "flow_shift": 3.0,
        },
    ],
)
def test_flow_matching_is_read_as_such(config):
    sampling = sampling_from(config)
    assert sampling.parametrisation == "flow_prediction"
    tau = torch.tensor([1.0, 0.75, 0.5, 0.25], dtype=torch.float64)
    walked = sampling.schedule.levels[sampling.times(4)[:-1]]
    assert torch.allclose(walked, 3 * tau / (1 + 2 * tau), atol=1e-12)
