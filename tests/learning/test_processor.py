import pytest

from flmrcm.learning import processor


@pytest.mark.parametrize("instructions", ["AVX2", "AVX512"])
def test_processors_of_one_name_are_told_apart_by_their_instructions(
    tmp_path, monkeypatch, instructions
):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: AMD EPYC\nflags\t: fma\n")
    monkeypatch.setattr(processor, "_CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: instructions)
    assert processor.describe_processor() == f"AMD EPYC, {instructions}"


def test_a_machine_without_that_file_is_described_by_its_architecture(tmp_path, monkeypatch):
    monkeypatch.setattr(processor, "_CPU_INFO", tmp_path / "none")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert processor.describe_processor().startswith("arm64, ")
