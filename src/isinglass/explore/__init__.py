"""Maps by name, for the command line and the browser.

`notation` reads values such as ``beta=0:3:401``; a `recipe` says in words that a file
can hold which map is swept and from where, and `features` does so of the mean field's
features; `maps` builds the map of a recipe, and `run` sweeps it.
"""
