"""What torch's compiler is given: real numbers alone, and the images that were there before."""

from collections.abc import Callable, Iterator
from functools import partial, partialmethod

import pytest
import torch
from kits.factories import make_kspace_batch, make_unet
from torch import Tensor
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.aot_autograd import make_boxed_func
from torch.testing import assert_close

from flmrcm.learning.compute import Compute
from flmrcm.models.cascade import Cascade
from flmrcm.models.modl import MoDL
from flmrcm.models.unet_complex import ComplexUNet
from flmrcm.models.unrolled import Unrolled
from flmrcm.models.varnet import VarNet
from flmrcm.seeding import seeded

MODELS: dict[str, Callable[[], Unrolled]] = {
    "unet_complex": partial(ComplexUNet, 2, 2),
    "cascade": partial(Cascade, 2, 3, 4),
    "modl": partial(MoDL, 2, 3, 4, cg_steps=2),
    "varnet": partial(VarNet, 2, 2, 2, 2, 2),
}
ARITHMETIC = {"add", "sub", "mul", "div", "sum", "mean"}


@pytest.fixture
def graphs() -> Iterator[list[torch.fx.GraphModule]]:
    """The graphs, forward and backward, that the compiler is given; it makes no code of them."""
    found: list[torch.fx.GraphModule] = []

    def keep(graph: torch.fx.GraphModule, _inputs: object) -> Callable[..., object]:
        found.append(graph)
        return make_boxed_func(graph.forward)

    compile_module, backend = torch.nn.Module.compile, aot_autograd(fw_compiler=keep)
    torch._dynamo.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.Module, "compile", partialmethod(compile_module, backend=backend))
        yield found
    torch._dynamo.reset()


def list_complex_sums(graph: torch.fx.GraphModule) -> list[str]:
    """Return the names of operations that compute with complex numbers."""
    return [
        node.name
        for node in graph.graph.nodes
        if isinstance(value := node.meta.get("val"), Tensor)
        and value.is_complex()
        and str(node.target).split(".")[1:2] in [[name] for name in ARITHMETIC]
    ]


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("coils", [1, 4])
def test_complex_numbers_are_summed_outside(
    name: str, coils: int, graphs: list[torch.fx.GraphModule]
) -> None:
    batch = make_kspace_batch(coils=coils)
    with seeded("compiled"):
        net = MODELS[name]()
    plain = net(batch).image
    Compute("cpu", compile=True).prepare_model(net)
    image = net(batch).image
    image.square().sum().backward()
    assert_close(image, plain)
    assert len(graphs) >= 2
    assert [list_complex_sums(graph) for graph in graphs] == [[]] * len(graphs)


def test_a_network_on_images_is_compiled_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[torch.nn.Module] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda part: compiled.append(part))
    net = make_unet()
    Compute("cpu", compile=True).prepare_model(net)
    assert compiled == [net]
