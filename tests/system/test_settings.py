"""What the user has set for all of JAX changes no answer of ours."""

import os
import subprocess
import sys

import numpy as np
import pytest

from helpers import main_calls

SETTINGS = {
    "precision": {
        "JAX_ENABLE_X64": "1",
        "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    },
    "strictness": {
        "JAX_NUMPY_DTYPE_PROMOTION": "strict",
        "JAX_NUMPY_RANK_PROMOTION": "raise",
        "JAX_DEBUG_NANS": "1",
    },
}


def answers(path, **environment):
    done = subprocess.run(
        [sys.executable, main_calls.__file__, str(path)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(path) as file:
        return dict(file)


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return answers(tmp_path_factory.mktemp("usual") / "answers.npz")


@pytest.mark.parametrize("name", SETTINGS)
def test_no_answer_changes(name, usual, tmp_path):
    ours = answers(tmp_path / "answers.npz", **SETTINGS[name])
    assert ours.keys() == usual.keys()
    for call, answer in usual.items():
        assert ours[call].dtype == answer.dtype, call
        np.testing.assert_allclose(
            ours[call], answer, rtol=2e-5, atol=1e-6, err_msg=call
        )
