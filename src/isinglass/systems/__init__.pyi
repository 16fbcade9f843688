from . import convergence as convergence
from . import descent as descent
from . import diffusion as diffusion
from . import interference as interference
from . import looped as looped
from . import meanfield as meanfield
from . import memory as memory
from . import polling as polling
