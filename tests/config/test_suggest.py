"""Suggestions: case and dashes don't count, other programs' words are known, none leads astray."""

import pytest

from flmrcm.config.conf_files import list_known_keys, list_options
from flmrcm.config.suggest import KEY_SYNONYMS, OPTION_SYNONYMS, suggest_key, suggest_option

KEYS = list_known_keys("train")


@pytest.mark.parametrize(
    "word", sorted({word for words in KEY_SYNONYMS.values() for word in words})
)
def test_what_is_suggested_can_be_typed(word):
    key, _, option = word.lstrip("+").partition("=")
    if "@" in key:
        return  # a group's file, placed
    assert key.removesuffix(".momentum") in KEYS
    assert not option or key not in ("compute",) or option in list_options(key)


@pytest.mark.parametrize("group", OPTION_SYNONYMS)
def test_options_suggested_for_other_words_are_there(group):
    assert set(OPTION_SYNONYMS[group].values()) <= set(list_options(group))


def test_no_synonym_is_itself_a_key():
    assert set(KEY_SYNONYMS) & set(KEYS) == set()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("Rounds", " Did you mean 'rounds'?"),
        ("local.batchsize", " Did you mean 'local.batch_size'?"),
        ("batch-size", " Did you mean 'local.batch_size'?"),
        ("Learning-Rate", " Did you mean 'local.optimizer.lr'?"),
        ("zzzz", ""),
    ],
)
def test_keys(key, said):
    assert suggest_key(key, KEYS) == said


@pytest.mark.parametrize(
    ("group", "option", "said"),
    [
        ("strategy", "FedAvg", "fl_mr"), ("strategy", "FL-MRCM", "fl_mrcm"),
        ("compute", "cuda", "gpu"), ("mask@sites.x.mask", "Uniform", "equispaced"),
    ],
)  # fmt: skip
def test_options(group, option, said):
    assert suggest_option(group, option, list_options(group)) == f" Did you mean '{said}'?"
