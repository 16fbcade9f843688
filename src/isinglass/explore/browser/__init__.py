"""The explorer in the browser: one HTML file in which one plays with the systems.

`write_page` writes the file. The folder ``page`` holds its modules, plain ES modules
without a build step; `bundle` puts them into one script, and `sections` reads what the
package ships for the panels. Nothing here imports JAX but what makes that anew.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
