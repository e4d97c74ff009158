"""State files are written in pieces; together they are the JSON text of the whole."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nftui.engine.store.state_file import json_pieces

DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(DOCUMENTS)
def test_pieces_are_the_text_of_the_document(document) -> None:
    assert b"".join(json_pieces(document)) == json.dumps(document, separators=(",", ":")).encode()


@given(st.integers(0, 9000), st.integers(-(1 << 63), (1 << 63) - 9000))
def test_an_array_is_a_list_of_its_numbers(length: int, first: int) -> None:
    numbers = np.arange(first, first + length)
    document = json.loads(b"".join(json_pieces({"of": numbers, "empty": {}})))
    assert document == {"of": list(range(first, first + length)), "empty": {}}
