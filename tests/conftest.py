"""Every test runs with the package's annotations, array shapes included, checked at run time."""

from jaxtyping import install_import_hook

install_import_hook("isinglass", "typechecking.check")
