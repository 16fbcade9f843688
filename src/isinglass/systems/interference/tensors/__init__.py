"""Tensors of many elements that attend to each other, and what they do together (§5).

`response` is that of one tensor to its host (Tang 2020, Eq. 6), `relay` and
`avalanches` what many of them do to each other, with the laws of sizes in
`avalanche_laws`, their exponents in `exponents` and systems that keep near their
critical state in `regulated`; `thermodynamics` is what it costs.
"""
