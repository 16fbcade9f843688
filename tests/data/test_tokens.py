import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.data import ByteTokens
from isinglass.data.tokens import check_tokens


@settings(deadline=None)
@given(st.text(st.sampled_from("\x00a\né߿€\uffff😀"), max_size=20))
def test_bytes_come_back(text):
    encoded = ByteTokens().encode(text)
    assert encoded.tolist() == list(text.encode())
    assert ByteTokens().decode(encoded) == text


def test_bytes_of_half_a_pair_are_refused():
    with pytest.raises(ValueError, match=r"half surrogate pairs, got U\+D83D at 2"):
        ByteTokens().encode("ab\ud83d")


@pytest.mark.parametrize("token", [-1, 256])
def test_a_token_of_no_byte_is_refused(token):
    with pytest.raises(ValueError, match=rf"tokens must be in \[0, 255\], got {token}"):
        ByteTokens().decode([1, token])
    with pytest.raises(ValueError, match=rf"a must be in \[0, 255\], got {token}"):
        check_tokens("a", np.array([1, token]), 1, 256)


def test_tokens_that_are_no_whole_numbers_are_refused():
    with pytest.raises(TypeError, match="tokens must be whole numbers, got float64"):
        ByteTokens().decode([1.5])
    assert ByteTokens().decode([]) == ""
