"""From the words of `flmrcm prepare` to its config."""

import pytest

from flmrcm.config.preparation import compose_preparation
from flmrcm.errors import ConfigErrors


@pytest.mark.parametrize(
    ("source", "word", "value"),
    [
        ("dicom", "contrast_patterns.PD=^(pd|PD)_[a-z]+$", "^(pd|PD)_[a-z]+$"),
        ("nifti", "contrast_patterns={PD: pd}", "pd"),
        ("fastmri", "acquisitions.MRA=[AXTOF]", ["AXTOF"]),
        ("bids", "suffixes.T2starw=T2star", "T2star"),
    ],
)
def test_a_contrast_of_ones_own_needs_no_plus(source, word, value):
    words = [f"source={source}", "input=x", "output=y"]
    table = word.partition("=")[0].partition(".")[0]
    before = compose_preparation(words)[table]
    after = compose_preparation([*words, word])[table]
    assert {**before} == {key: after[key] for key in before}  # the others stay
    (added,) = after.keys() - before.keys()
    assert after[added] == value
    with pytest.raises(ConfigErrors, match="there is no such key"):
        compose_preparation(["source=brats", *words[1:], word])
