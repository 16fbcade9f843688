from .diagnostics import constant_profile as constant_profile
from .diagnostics import position_rank as position_rank
from .diagnostics import position_spread as position_spread
from .layer import RelativeAttention as RelativeAttention
from .model import RelativeConfig as RelativeConfig
from .model import RelativeLayer as RelativeLayer
from .model import RelativeTransformer as RelativeTransformer
