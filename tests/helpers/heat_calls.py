"""Valid, small calls of heat conduction: what a fuzz sets out from."""

import jax.numpy as jnp
import numpy as np

from helpers.public_case import KEY, RNG, case
from isinglass.systems import heat

FIELD = jnp.asarray(RNG.normal(size=(2, 4, 5, 3)), jnp.float32)
MODES = jnp.asarray(RNG.random((4, 5, 3)), jnp.float32)
LAYERS = {
    kind: heat.HeatConduction(heat.HeatConfig(3, (4, 5), kind), key=KEY)
    for kind in ("modes", "channels", "constant", "filter", "none")
}
LAYER = LAYERS["modes"]
BLOCK = heat.HeatBlock(LAYER.config, heat.BranchConfig(False, 0.1, 2, 0.5), key=KEY)
SHAPE = heat.VHeatConfig(5, (8, 8), 3, 4, (1, 1))
MODEL = heat.VHeat(SHAPE, key=KEY)
PICTURES = jnp.asarray(RNG.random((2, 8, 8, 3)), jnp.float32)
PLATES = np.asarray(FIELD, float)
HEAT = [
    case(heat.cosine_transform, FIELD),
    case(heat.inverse_cosine_transform, FIELD, "fft"),
    case(heat.decay_rates, (4, 5), "graph"),
    case(heat.conduct, FIELD, MODES, "graph"),
    case(heat.conduct, FIELD, 0.5),
    case(heat.filter_modes, FIELD, MODES),
    case(heat.effective_width, MODES),
    case(heat.resample_conductivity, MODES, (8, 10), "edge"),
    case(heat.resample_conductivity, MODES, (6, 7), "wider"),
    case(heat.recover_conductivity, PLATES, 0.5 * PLATES),
    case(heat.recover_modes, PLATES, 0.5 * PLATES),
    case(heat.HeatConfig, 3, (4, 5)),
    case(heat.HeatConduction, LAYER.config, key=KEY),
    *(case(layer.__call__, FIELD) for layer in LAYERS.values()),
    *(
        case(getattr(LAYER, name), MODES)
        for name in ("conductivities", "widths", "gains", "for_inference")
    ),
    case(LAYER.resampled, (8, 10), "finer"),
    case(LAYER.with_table),
    case(heat.BranchConfig, True, 1e-5),
    case(heat.HeatBlock, LAYER.config, key=KEY),
    case(BLOCK.__call__, FIELD, key=KEY),
    case(heat.VHeatConfig, 5, (8, 8)),
    case(heat.VHeatConfig.published, "small", classes=10),
    case(SHAPE.stage, 1),
    case(heat.VHeat, SHAPE, key=KEY),
    case(MODEL.__call__, PICTURES, key=KEY),
    case(MODEL.features, PICTURES),
    case(MODEL.conductivities),
    case(MODEL.resampled, (16, 12), "edge"),
]
