"""Data consistency and the solver: measured samples are kept, and the solution is the solution."""

from itertools import product

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from flmrcm.mri.acquisition import Cartesian, keep_center, solve_by_conjugate_gradients
from flmrcm.mri.coils import make_birdcage_maps
from flmrcm.mri.masks.columns import get_center_columns

SIZE, BATCH, COILS = (10, 7), 2, 3
everywhere = pytest.mark.parametrize(
    ("kind", "maps"), list(product(["columns", "plane", "each"], [True, False]))
)


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.complex128, generator=generator)


def make(kind: str, maps: bool) -> Cartesian:
    """An acquisition whose mask has columns only, both axes, or both axes for each slice."""
    shape = {"columns": (1, 1, 1, SIZE[1]), "plane": (1, 1, *SIZE), "each": (BATCH, 1, *SIZE)}
    mask = torch.rand(shape[kind], generator=torch.Generator().manual_seed(1)) < 0.5
    return Cartesian(mask, draw(BATCH, COILS, *SIZE, seed=2) if maps else None)


def image_of(maps: bool) -> Tensor:
    return draw(BATCH, *SIZE, seed=3) if maps else draw(BATCH, COILS, *SIZE, seed=3)


def dense(acquisition: Cartesian, shape: tuple[int, ...]) -> Tensor:
    """A as a matrix, (samples, pixels), for images of a shape without the batch."""
    columns = torch.eye(torch.Size(shape).numel(), dtype=torch.complex128).view(-1, *shape)
    return torch.stack([acquisition.forward(column[None]).flatten() for column in columns], 1)


def at_sixteen(coils: int) -> Cartesian:
    mask = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(5)) < 0.4
    return Cartesian(mask, make_birdcage_maps(coils, 16, 16)[None].to(torch.complex128))


@pytest.mark.parametrize("coils", [1, 4])
def test_the_normal_operator_is_a_dense_matrix_at_sixteen(coils: int) -> None:
    acquisition, image = at_sixteen(coils), draw(1, 16, 16)
    matrix = dense(acquisition, (16, 16))
    expected = (matrix.mH @ matrix @ image.flatten()).view(1, 16, 16)
    assert_close(acquisition.normal(image), expected)


@pytest.mark.parametrize("coils", [1, 4])
def test_the_solver_agrees_with_a_dense_solution(coils: int) -> None:
    acquisition, image, weight = at_sixteen(coils), draw(1, 16, 16), 0.05
    matrix = dense(acquisition, (16, 16))
    normal = matrix.mH @ matrix + weight * torch.eye(256, dtype=matrix.dtype)
    expected = torch.linalg.solve(normal, image.flatten()).view(1, 16, 16)
    assert_close(acquisition.solve(image, weight, steps=80, tolerance=1e-12), expected)
    assert not torch.allclose(acquisition.solve(image, 2 * weight, 80, 1e-12), expected)


@everywhere
def test_the_solution_of_a_sample_knows_nothing_of_its_batch(kind: str, maps: bool) -> None:
    acquisition, image = (
        make(kind, maps),
        image_of(maps) * torch.tensor([1.0, 1e6]).view(-1, *[1] * (image_of(maps).ndim - 1)),
    )
    solved = acquisition.solve(image, 0.3, steps=30, tolerance=1e-6)
    residual = image - acquisition.normal(solved) - 0.3 * solved
    left, right = (x.flatten(1).norm(dim=1) for x in (residual, image))
    assert (left <= 1e-6 * right).all()


def test_an_all_zero_sample_is_solved_by_zero_and_gives_no_nan() -> None:
    acquisition, weight = make("columns", maps=True), torch.tensor(0.1, requires_grad=True)
    image = (image_of(maps=True) * torch.tensor([1, 0]).view(-1, 1, 1)).requires_grad_()
    solved = acquisition.solve(image, weight)
    assert not solved[1].any()
    solved.abs().sum().backward()
    assert all(x.grad is not None and x.grad.isfinite().all() for x in (image, weight))


def test_a_step_that_is_not_needed_changes_nothing() -> None:
    acquisition, image = make("columns", maps=True), image_of(maps=True)
    few, many = (acquisition.solve(image, 1.0, steps, tolerance=1e-8) for steps in (40, 80))
    assert torch.equal(few, many)


def test_the_solver_is_differentiable_in_image_weight_and_maps() -> None:
    # two pixels and complex numbers: gradcheck compares with differences
    mask = torch.tensor([[[[True, False, True]]]])
    image, maps = draw(1, 2, 3), draw(1, 2, 2, 3, seed=2)
    weight = torch.tensor(0.5, dtype=torch.float64)
    inputs = tuple(x.requires_grad_() for x in (image, maps, weight))

    def solve(x: Tensor, s: Tensor, w: Tensor) -> Tensor:
        return Cartesian(mask, s).solve(x, w, steps=12, tolerance=1e-9)

    assert torch.autograd.gradcheck(solve, inputs)


def test_the_solver_takes_any_operator() -> None:
    matrix = torch.tensor([[2.0, 1j], [-1j, 3.0]], dtype=torch.complex128)
    right = draw(4, 2)
    found = solve_by_conjugate_gradients(lambda x: x @ matrix.T, right, 2, 0.0)
    assert_close(found, torch.linalg.solve(matrix, right.T).T)


@everywhere
def test_hard_consistency_keeps_measured_samples_to_the_bit(kind: str, maps: bool) -> None:
    acquisition = make(kind, maps)
    estimate, measured = draw(BATCH, COILS, *SIZE, seed=7), draw(BATCH, COILS, *SIZE, seed=8)
    found = acquisition.replace_measured(estimate, measured)
    inside = acquisition.mask.expand(found.shape)
    assert torch.equal(found[inside], measured[inside])
    assert torch.equal(found[~inside], estimate[~inside])


def test_weighted_consistency_lies_between_estimate_and_measurement() -> None:
    acquisition = make("each", maps=False)
    estimate, measured = draw(BATCH, COILS, *SIZE, seed=7), draw(BATCH, COILS, *SIZE, seed=8)
    inside = acquisition.mask.expand(estimate.shape)
    halfway = acquisition.replace_measured(estimate, measured, weight=1.0)
    assert_close(halfway[inside], (estimate + measured)[inside] / 2)
    assert torch.equal(halfway[~inside], estimate[~inside])
    assert_close(acquisition.replace_measured(estimate, measured, weight=0.0), estimate)
    hard = acquisition.replace_measured(estimate, measured)
    assert_close(acquisition.replace_measured(estimate, measured, weight=1e12), hard)


def test_soft_consistency_is_the_gradient_of_the_squared_error() -> None:
    acquisition, measured = make("each", maps=False), draw(BATCH, COILS, *SIZE, seed=8)
    estimate = draw(BATCH, COILS, *SIZE, seed=7).requires_grad_()
    loss = acquisition.undersample(estimate - measured).abs().square().sum() / 2
    (gradient,) = torch.autograd.grad(loss, estimate)
    assert_close(acquisition.measure_error(estimate, measured), gradient)
    stepped = estimate - acquisition.measure_error(estimate, measured)
    assert_close(stepped, acquisition.replace_measured(estimate, measured))


@pytest.mark.parametrize("size", [(8, 12), (9, 13)])
def test_each_slice_keeps_its_own_centre_where_the_masks_place_it(size: tuple[int, int]) -> None:
    kspace, center = draw(3, 2, *size), torch.tensor([[size[0], 4], [3, 5], [0, 0]])
    kept = keep_center(kspace, center)
    sizes = [(size[0], 4), (3, 5), (1, 1)]  # one sample at least
    for found, whole, (rows, columns) in zip(kept, kspace, sizes, strict=True):
        place = ..., get_center_columns(size[0], rows), get_center_columns(size[1], columns)
        expected = torch.zeros_like(whole)
        expected[place] = whole[place]
        assert torch.equal(found, expected)
