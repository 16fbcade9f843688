import numpy as np
import pytest

from isinglass.data.double_slit import Noise, make_waves


def phase_difference(X: np.ndarray) -> np.ndarray:
    """Angle from the first source to the second, in (−π, π], shape (n, time)."""
    z = X[..., 1] + 1j * X[..., 0]
    return np.angle(z[:, 1] * z[:, 0].conj())


def test_waves_are_unit_vectors_of_both_kinds() -> None:
    waves = make_waves(3, np.random.default_rng(0))

    assert waves.X.shape == (6, 2, 40, 2)
    assert waves.y.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose((waves.X**2).sum(axis=-1), 1)


def test_sources_turn_once_in_a_period() -> None:
    X = make_waves(2, np.random.default_rng(0), period=8).X

    np.testing.assert_allclose(X[:, :, :32], X[:, :, 8:], atol=1e-12)


@pytest.mark.parametrize("noise", ["wave", "step"])
def test_the_noise_of_the_paper_stays_within_its_bounds(noise: Noise) -> None:
    waves = make_waves(200, np.random.default_rng(0), noise=noise)

    error = phase_difference(waves.X)
    error[waves.y == 1] = np.angle(-np.exp(1j * error[waves.y == 1]))
    assert np.abs(error).max() <= np.pi / 6
    assert np.abs(error).max() > 0.9 * np.pi / 6
    assert (np.ptp(error, axis=1).max() > 1e-6) == (noise == "step")


def test_the_noise_of_the_program_is_larger_and_lopsided() -> None:
    waves = make_waves(400, np.random.default_rng(0), noise="program")

    error = phase_difference(waves.X[waves.y == 0])
    assert np.ptp(error, axis=1).min() > 1
    assert error.max() > 1.2
    assert error.mean() == pytest.approx(np.pi / 12, abs=0.1)


def test_bad_arguments_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="n_per_class"):
        make_waves(0, rng)
    with pytest.raises(
        ValueError, match="noise must be one of wave, step, program, got 'pink'"
    ):
        make_waves(1, rng, noise="pink")  # pyright: ignore[reportArgumentType]
