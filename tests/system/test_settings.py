"""What the user has set, for all of JAX or for Matplotlib, changes no answer of ours.

Nor does a home that cannot be written. Settings with which a command must end, such as
a device that is not here, and projects that have moved are in tests/cli.
"""

import os
import re
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


PRODUCT = re.compile(r"stablehlo\.(dot_general|convolution).*tensor<[0-9x]*f32>")


def test_no_answer_changes(tmp_path):
    """Nor would one on a GPU, which takes ten bits of float32 products by default.

    JAX writes all programs that it lowers: each such product asks for all digits.
    """
    path, programs = tmp_path / "answers.npz", tmp_path / "programs"
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.size: 30\n")
    of_matplotlib = {
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # of a notebook
    }
    home = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), os.devnull)
    written = {"JAX_DUMP_IR_TO": str(programs), "JAX_DUMP_IR_MODES": "stablehlo"}
    done = subprocess.run(
        [sys.executable, main_calls.__file__, str(path)],
        env={**os.environ, **SETTINGS, **of_matplotlib, **home, **written},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    text = "\n".join(file.read_text() for file in programs.iterdir())
    products = [line for line in text.splitlines() if PRODUCT.search(line)]
    assert len(products) > 100
    assert [line for line in products if line.count("HIGHEST") != 2] == []
    usual = main_calls.answers()
    with np.load(path) as ours:
        assert set(ours) == usual.keys()
        for call, answer in usual.items():
            assert ours[call].dtype == answer.dtype, call
            np.testing.assert_allclose(
                ours[call], answer, rtol=2e-5, atol=1e-6, err_msg=call
            )
