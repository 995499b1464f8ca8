"""Rows by what stands in their columns."""

import pandas as pd

from flmrcm.reports.figures.row_filter import list_distinct, select_rows

TABLE = pd.DataFrame({"site": ["b", "a", "b"], "metric": ["psnr", "psnr", "ssim"]})


def test_every_value_has_to_fit():
    assert list(select_rows(TABLE, site="b", metric="psnr").index) == [0]
    assert len(select_rows(TABLE)) == 3
    assert select_rows(TABLE, site="c").empty


def test_values_come_once_in_order_of_appearance():
    assert list_distinct(TABLE, "site") == ["b", "a"]
