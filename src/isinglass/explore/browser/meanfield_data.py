"""The published network of the mean field, for the panel *drag β*.

What is shipped is made by `python -m isinglass.explore.browser.meanfield_data`, which
writes `page/data/beta.json` anew; a test makes it again and compares.
"""

from typing import Any

from isinglass.explore.browser.sections import write
from isinglass.explore.maps import BETA_ATT, EPSILON, SCALE
from isinglass.systems.meanfield import Features, MeanField, gamma_of


def make() -> dict[str, Any]:
    """Return features of the paper's network, and the paper's parameters.

    Returns:
        "signs" σ, (G, M); "semantic" C, (4, M, G), and "positional" overlaps, (4, M,
        2^P), of output, value, query and key; "prompt", m^v of output pattern 0, of
        which the part by meaning and that by position stand apart, (2, M); "gamma" and
        "epsilon" of the paper.
    """
    features = Features.paper()
    field = MeanField(features)
    semantic = features.overlaps_of_pattern(0, "o")[1]
    positional = features.positional_overlaps_of_pattern(0, "o")[1]
    return {
        "signs": features.signs.tolist(),
        "semantic": features.semantic.tolist(),
        "positional": features.positional_overlaps.tolist(),
        "length": field.length,
        "period": field.period,
        "prompt": [semantic.tolist(), positional.tolist()],
        "gamma": gamma_of(BETA_ATT, SCALE, features.n_patterns),
        "epsilon": EPSILON,
    }


if __name__ == "__main__":
    write("beta", make())
