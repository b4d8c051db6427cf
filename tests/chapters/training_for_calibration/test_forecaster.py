"""The forecaster of notebook 18: a world whose truth is known, and what is measured of it."""

from __future__ import annotations

import pytest
import torch

from coursekit.chapters.training_for_calibration import forecaster
from coursekit.chapters.training_for_calibration.forecaster import (
    LEVELS,
    UNKNOWN,
    VOCABULARY,
    Spoken,
    examined,
    log_policy,
    practised,
)


def right_or_wrong(y, c):
    return y + 0 * c


def with_brier(y, c):
    return y - (c - y) ** 2


@pytest.fixture(scope="module")
def world():
    return forecaster.the_world()


@pytest.fixture(scope="module")
def model(world):
    return forecaster.pretrained(world, 0, readings=2_000, steps=80)


def test_the_world_is_the_diary_counted(world):
    assert world.weights.sum() == pytest.approx(1, abs=1e-6)
    assert torch.allclose(world.truth.sum(dim=1), torch.ones(256))
    days = world.diary.sample(60_000, seed=3, length=5)
    places = (days[:, :4] * torch.tensor([64, 16, 4, 1])).sum(dim=1)
    counted = torch.zeros(256, 4).index_put((places, days[:, 4]), torch.ones(60_000), True)
    common = counted.sum(dim=1) > 400
    seen = counted / counted.sum(dim=1, keepdim=True)
    assert common.sum() > 8
    assert (seen - world.truth)[common].abs().max() < 0.07
    assert (counted.sum(dim=1) / 60_000 - world.weights).abs().max() < 0.005


def test_practice_and_examination_are_all_questions_once(world):
    both = torch.cat([world.practice, world.examination]).sort().values
    assert torch.equal(both, torch.arange(256))


def test_what_is_read_has_a_forecast_and_a_number_that_means_nothing(world):
    lines = world.read(20_000, seed=5)
    assert len(VOCABULARY) == UNKNOWN + 1 + len(LEVELS) > lines.max()
    assert (lines[:, 4] == UNKNOWN).double().mean() == pytest.approx(0.1, abs=0.01)
    for answer in range(5):
        stated = lines[lines[:, 4] == answer, 5] - UNKNOWN - 1
        assert LEVELS[stated].mean() == pytest.approx(0.5, abs=0.03)


def test_what_an_answer_is_worth_at_its_best_confidence():
    p, c = torch.arange(101)[:, None] / 100, torch.arange(1, 1_000)[None] / 1_000

    def worth(rule):
        return (p * rule(torch.ones(1), c) + (1 - p) * rule(torch.zeros(1), c)).max(dim=1).values

    p1 = p[:, 0]
    entropy = torch.special.entr(p1) + torch.special.entr(1 - p1)

    def with_log(y, c):
        return y + y * c.log() + (1 - y) * (1 - c).log()

    assert torch.allclose(worth(right_or_wrong), p1)
    assert torch.allclose(worth(with_brier), p1**2, atol=2e-3)
    assert torch.allclose(worth(with_log), p1 - entropy, atol=2e-3)
    assert torch.allclose(worth(lambda y, c: -((c - y) ** 2)), -p1 * (1 - p1), atol=2e-3)


def test_rewards_are_the_mean_over_the_weather_to_come(world):
    table = world.rewards(with_brier)
    p, c = world.truth[7, 2], LEVELS[3]
    assert table[7, 2, 3] == pytest.approx((p * (1 - (c - 1) ** 2) - (1 - p) * c**2).item())
    silent = world.rewards(right_or_wrong, unknown=True)
    assert silent.shape == (256, 5, 10)
    assert (silent[:, UNKNOWN] == 0).all()


@pytest.mark.parametrize("unknown", [False, True])
def test_a_policy_is_a_law_of_answers_and_confidences(world, model, unknown):
    law = log_policy(model, world.questions[:9], unknown=unknown).exp()
    assert law.shape == (9, 4 + unknown, 10)
    assert torch.allclose(law.sum(dim=(1, 2)), torch.ones(9))
    # The confidence follows the answer: one question by hand.
    days = world.questions[:1]
    first = model(days)[0, -1, : 4 + unknown].softmax(dim=0)
    second = model(torch.cat([days, torch.tensor([[2]])], dim=1))[0, -1, UNKNOWN + 1 :]
    assert torch.allclose(law[0, 2], first[2] * second.softmax(dim=0), atol=1e-6)


def test_what_is_measured_by_hand():
    says = torch.zeros(2, 4, 10)
    says[0, 1, 9] = says[1, 0, 0] = says[1, 0, 2] = 0.5
    says[0, 0, 4] = 0.5 - 1e-3
    says[0, 1, 9] += 1e-3
    truth = torch.tensor([[0.1, 0.6, 0.2, 0.1], [0.3, 0.3, 0.3, 0.1]])
    spoken = Spoken.of(says.clamp(min=1e-12).log(), truth, torch.tensor([3.0, 1.0]))
    assert torch.equal(spoken.top[:, 0], torch.tensor([1, 0]))
    assert torch.allclose(spoken.true_probability, torch.tensor([0.6, 0.3]))
    assert torch.allclose(spoken.stated_confidence, torch.tensor([0.95, 0.15]))
    assert spoken.stated_distance == pytest.approx(0.75 * 0.35 + 0.25 * (0.25 + 0.05) / 2, abs=1e-4)
    assert spoken.token_distance == pytest.approx(0.75 * 0.099 + 0.25 * 0.7, abs=1e-4)
    assert spoken.accuracy == pytest.approx(
        0.75 * (0.501 * 0.6 + 0.499 * 0.1) + 0.25 * 0.3, abs=1e-4
    )
    assert spoken.silence == 0


def test_practice_leaves_the_model_and_is_watched(world, model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    better, history = practised(world, model, with_brier, steps=30, watched=True)
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    assert history.column("step") == [0, 10, 20, 30]
    assert history.column("divergence")[0] == pytest.approx(0, abs=1e-6)
    assert examined(world, better).stated_distance < examined(world, model).stated_distance
    assert history.column("accuracy")[-1] == pytest.approx(examined(world, better).accuracy)


def test_a_leash_holds(world, model):
    free, leashed = (
        examined(world, practised(world, model, right_or_wrong, beta=beta, steps=40)[0])
        for beta in (0.0, 2.0)
    )
    assert free.entropy < leashed.entropy - 0.2
