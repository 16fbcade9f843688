from .causal import causal_attention as causal_attention
from .normalisation import Normalisation as Normalisation
from .positions import lay_out as lay_out
from .positions import sinusoids as sinusoids
from .streamed import RowStatistics as RowStatistics
from .streamed import attend as attend
from .streamed import attention_rows as attention_rows
