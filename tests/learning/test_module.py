"""One training step, and what judging gives."""

import torch
from kits.factories import make_batch, make_learner
from torch.testing import assert_close

from flmrcm.mri.normalisation import denormalise


def test_a_step_gives_the_mean_absolute_error_image_and_latent() -> None:
    learner, batch = make_learner(), make_batch()
    step = learner.training_step(batch)
    image, latent, _ = learner.model(batch)
    assert_close(step["loss"], (image - batch.target).abs().mean())
    assert torch.equal(step["image"], image)
    assert torch.equal(step["latent"], latent)
    assert set(step) == {"loss", "image", "latent"}


def test_the_loss_is_taken_in_full_precision() -> None:
    learner = make_learner()
    with torch.autocast("cpu", torch.bfloat16):
        step = learner.training_step(make_batch())
    assert step["image"].dtype == torch.bfloat16
    assert step["loss"].dtype == torch.float32


def test_every_weight_gets_a_gradient_from_the_loss() -> None:
    learner = make_learner()
    learner.training_step(make_batch())["loss"].backward()
    assert all(p.grad is not None and p.grad.any() for p in learner.parameters())


def test_forward_and_encode_are_the_models() -> None:
    learner, batch = make_learner(), make_batch()
    reconstruction = learner.model(batch)
    assert torch.equal(learner(batch), reconstruction.image)
    assert torch.equal(learner.encode(batch), reconstruction.latent)
    assert learner.latent_size == learner.model.latent_size


def test_the_optimizer_is_of_the_models_parameters_at_its_base_rate() -> None:
    learner = make_learner(lr=0.25)
    optimizer = learner.configure_optimizers()
    (group,) = optimizer.param_groups
    assert group["lr"] == 0.25
    assert {id(p) for p in group["params"]} == {id(p) for p in learner.model.parameters()}


def test_a_prediction_is_in_the_datas_own_units() -> None:
    learner, batch = make_learner(), make_batch()
    batch = batch._replace(mean=torch.tensor([1.0, 2.0]), std=torch.tensor([3.0, 4.0]))
    with torch.no_grad():
        found = learner.predict_step(batch)
        image, latent, _ = learner.model(batch)
    for shown, normalised in (
        (found.reconstruction, image),
        (found.target, batch.target),
        (found.input, batch.image),
    ):
        assert shown.shape == (2, 16, 16)
        assert_close(shown, denormalise(normalised, batch.mean, batch.std).squeeze(1))
    assert torch.equal(found.latent, latent)
    assert (found.volume, found.slice.tolist()) == (batch.volume, [0, 1])


def test_testing_scores_the_input_beside_the_reconstruction() -> None:
    learner, batch = make_learner().eval(), make_batch()
    perfect = batch._replace(image=batch.target, std=torch.full((2,), 0.1))
    learner.on_test_epoch_start()
    with torch.no_grad():
        learner.test_step(perfect, 0)
    nmse = [
        next(s.value for s in scores.compute() if s.metric == "nmse")
        for scores in (learner.scores, learner.zero_filled_scores)
    ]
    assert nmse[1] == 0 < nmse[0]


def test_each_judging_forgets_the_one_before() -> None:
    learner = make_learner().eval()
    for start, step, name in (
        (learner.on_validation_epoch_start, learner.validation_step, "one/v"),
        (learner.on_validation_epoch_start, learner.validation_step, "two/v"),
        (learner.on_test_epoch_start, learner.test_step, "three/v"),
    ):
        start()
        with torch.no_grad():
            step(make_batch()._replace(volume=[name] * 2, std=torch.full((2,), 0.1)), 0)
        assert {score.volume for score in learner.scores.compute()} == {name}


def test_scores_are_no_part_of_the_weights() -> None:
    assert all(name.startswith("model.") for name in make_learner().state_dict())
