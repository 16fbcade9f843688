"""A learner of fields and couplings that keeps all laws (not in Tang 2020).

`classifier` is the learner; `dipoles` encodes pictures, `strokes` and `gaussian_prior`
hold what is expected of them beforehand, `whitening` measures features by it,
`pair_sums` is what was learned and `student` what follows from both.
"""
