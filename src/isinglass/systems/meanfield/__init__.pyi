from .attention import gamma_of as gamma_of
from .features import Features as Features
from .features import semantic_overlaps as semantic_overlaps
from .mean_field import MeanField as MeanField
from .network import NetworkTrajectory as NetworkTrajectory
from .network import Prompt as Prompt
from .network import SelfAttentionNetwork as SelfAttentionNetwork
