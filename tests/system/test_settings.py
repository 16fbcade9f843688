"""What the user has set for all of JAX changes no answer of ours."""

import os
import subprocess
import sys

import numpy as np

from helpers import main_calls

# All at once: none of them makes JAX more lenient towards what another one is about.
SETTINGS = {
    "JAX_ENABLE_X64": "1",
    "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_NUMPY_RANK_PROMOTION": "raise",
    "JAX_DEBUG_NANS": "1",
}


def test_no_answer_changes(tmp_path):
    path = tmp_path / "answers.npz"
    done = subprocess.run(
        [sys.executable, main_calls.__file__, str(path)],
        env={**os.environ, **SETTINGS},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    usual = main_calls.answers()
    with np.load(path) as ours:
        assert set(ours) == usual.keys()
        for call, answer in usual.items():
            assert ours[call].dtype == answer.dtype, call
            np.testing.assert_allclose(
                ours[call], answer, rtol=2e-5, atol=1e-6, err_msg=call
            )
