from .energy_transformer import EnergyTransformer as EnergyTransformer
from .energy_transformer import EnergyTransformerConfig as EnergyTransformerConfig
from .energy_transformer import activity_map as activity_map
from .energy_transformer import attention_bound as attention_bound
from .energy_transformer import memory_bound as memory_bound
from .norm import EnergyNorm as EnergyNorm
