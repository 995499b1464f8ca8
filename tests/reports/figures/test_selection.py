"""Rows by what stands in their columns."""

import pandas as pd

from flmrcm.reports.figures.selection import distinct, where

TABLE = pd.DataFrame({"site": ["b", "a", "b"], "metric": ["psnr", "psnr", "ssim"]})


def test_every_value_has_to_fit():
    assert list(where(TABLE, site="b", metric="psnr").index) == [0]
    assert len(where(TABLE)) == 3
    assert where(TABLE, site="c").empty


def test_values_come_once_in_order_of_appearance():
    assert distinct(TABLE, "site") == ["b", "a"]
