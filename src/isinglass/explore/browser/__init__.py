"""The explorer in the browser: one HTML file in which one plays with the systems.

`page` holds its modules, plain ES modules without a build step; `bundle` puts them into
one script, `sections` exports what they need from the package, and `page_file` writes
the file.
"""
