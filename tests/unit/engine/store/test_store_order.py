"""The order of sealed rows: sorted, and equal keys as they came."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nftui.engine.store.seal import stable_order


@given(st.lists(st.sampled_from([-(1 << 63), -5, 0, 1, 2, 3, (1 << 63) - 1]), max_size=60))
def test_it_is_the_order_of_a_stable_sort(keys):
    values = np.array(keys, np.int64)
    assert stable_order(values).tolist() == sorted(range(len(keys)), key=keys.__getitem__)


def test_many_rows_with_few_keys():
    keys = np.random.default_rng(3).integers(0, 50, 200_000)
    assert (stable_order(keys) == np.argsort(keys, kind="stable")).all()
