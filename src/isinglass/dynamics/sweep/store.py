"""Where a sweep's tiles are kept: in memory, or in a folder that outlives a stop."""

import contextlib
import io
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from isinglass._common.files import write_together
from isinglass._common.lazy import lazy_module
from isinglass.dynamics.sweep.plan import FILE, Plan, read_plan, versions, write_plan
from isinglass.dynamics.sweep.tiles import Region, Tile

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None

# When it is needed: it takes half a second to import.
zarr = lazy_module("zarr")

RESULTS, DONE, LOCK = "results.zarr", "done", "lock"
# What a sweep leaves that was killed before its plan was in place; all else in a folder
# is somebody's.
OURS = (LOCK, f".{FILE}.")

Coordinates = Mapping[str, tuple[np.ndarray, Mapping[str, str]]]


class SweepWarning(UserWarning):
    """A sweep goes on, but not quite as it began."""


class Memory:
    """Results kept in memory only.

    Args:
        plan: What is stored.
        coordinates: Values and attributes of the axes that have them, by name.
        attributes: What to say of the whole.
    """

    def __init__(
        self, plan: Plan, coordinates: Coordinates, attributes: Mapping[str, str]
    ) -> None:
        shape = tuple(plan.axes.values())
        variables = {}
        for name, about in plan.variables.items():
            empty = _fill(about["dtype"])
            values = np.full(shape + tuple(about["shape"]), empty, dtype=about["dtype"])
            variables[name] = ((*plan.axes, *about["dims"]), values, about["attrs"])
        coords = {
            name: (name, values, attrs) for name, (values, attrs) in coordinates.items()
        }
        self._dataset = xr.Dataset(
            variables, coords, {**attributes, "plan": plan.digest}
        )
        self._states: dict[int, list[np.ndarray]] = {}
        self.done: set[int] = set()

    def write(
        self, tile: Tile, data: Mapping[str, np.ndarray], state: list[np.ndarray]
    ) -> None:
        """Keep a tile and, of a sequential one, its final state."""
        for name, values in data.items():
            self._dataset[name].values[tile.region] = values
        self._states[tile.index] = state
        self.done.add(tile.index)

    def state(self, index: int) -> list[np.ndarray]:
        """Final state of a tile that is done."""
        return self._states[index]

    def dataset(self) -> xr.Dataset:
        """What is stored."""
        return self._dataset


class Folder:
    """Results kept in a folder.

    It holds ``plan.json``, ``results.zarr`` and, in ``done/``, a marker for each tile.
    A tile's marker is written, in one step, after the tile's data are on disk, and
    names the files they are in with their sizes: what it vouches for is there whole,
    whenever the program was killed. Only one process writes.

    Args:
        directory: The folder; made if there is none.
        plan: What is stored.
        coordinates: Values and attributes of the axes that have them, by name.
        attributes: What to say of the whole.
        resume: Whether to go on with what is there.

    Raises:
        ValueError: If the folder holds something else; the message says what. It is not
            touched.
        FileExistsError: If it holds this sweep and ``resume`` is off.
        BlockingIOError: If another process is at work on it.
        OSError: If it cannot be read or written.
    """

    def __init__(
        self,
        directory: Path,
        plan: Plan,
        coordinates: Coordinates,
        attributes: Mapping[str, str],
        resume: bool = True,
    ) -> None:
        self._directory = directory
        self._plan = _examine(directory, plan, resume)
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(directory / LOCK)
        try:
            with _explained(directory):
                self._plan = _examine(directory, plan, resume)
                self._open(plan, coordinates, attributes)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let other processes write to the folder."""
        os.close(self._lock)

    def write(
        self, tile: Tile, data: Mapping[str, np.ndarray], state: list[np.ndarray]
    ) -> None:
        """Put a tile on disk, then mark it as done.

        Of a sequential tile the final state goes there, too.

        Raises:
            OSError: If the disk is full or fails: the tiles done before are untouched.
        """
        with _explained(self._directory):
            files = {}
            for name, values in data.items():
                if values.size:
                    self._arrays[name][tile.region] = values
                    file = self._chunk(name, tile.region)
                    files[file.relative_to(self._directory).as_posix()] = _flush(file)
            together = {}
            if state:
                buffer = io.BytesIO()
                np.savez(buffer, *state)
                together[self._marker(tile.index, ".npz")] = buffer.getvalue()
            marker = json.dumps({"files": files}, indent=1).encode()
            write_together({**together, self._marker(tile.index): marker})
        self.done.add(tile.index)

    def state(self, index: int) -> list[np.ndarray]:
        """Final state of a tile that is done."""
        with np.load(self._marker(index, ".npz"), allow_pickle=False) as stored:
            return [stored[name] for name in stored.files]

    def dataset(self) -> xr.Dataset:
        """What is stored, read when it is asked for."""
        return xr.open_zarr(self._directory / RESULTS, chunks=None)

    def _open(
        self, plan: Plan, coordinates: Coordinates, attributes: Mapping[str, str]
    ) -> None:
        if self._plan is None:
            write_plan(self._directory, plan)
            self._plan = plan
        results = self._directory / RESULTS
        for leftover in self._directory.glob(f".{FILE}.*.tmp"):
            leftover.unlink()
        for leftover in self._directory.glob(f".{RESULTS}.*.tmp"):
            shutil.rmtree(leftover)
        if not results.exists():
            _create(results, self._plan, coordinates, attributes)
        group = zarr.open_group(results, mode="r+")
        # A tile that comes out as the fill value must leave a file all the same.
        config: Any = {"write_empty_chunks": True}
        self._arrays: dict[str, Any] = {
            name: array.with_config(config) for name, array in group.arrays()
        }
        for leftover in results.rglob("*.partial"):
            leftover.unlink()
        (self._directory / DONE).mkdir(exist_ok=True)
        for leftover in (self._directory / DONE).glob(".*.tmp"):
            leftover.unlink()
        self.done = set(self._whole_tiles())

    def note_versions(self, tiles: int) -> None:
        """Note in the plan by which software the unfinished tiles are computed.

        Warn if it is other than that of the finished ones.
        """
        plan = self._plan
        assert plan is not None
        now = dict(versions())
        if len(self.done) == tiles or now in [dict(then) for then in plan.versions]:
            return
        if self.done:
            then = plan.versions[-1] if plan.versions else {}
            changed = [
                f"{name} {then.get(name, 'none')} then, {now[name]} now"
                for name in now
                if then.get(name) != now[name]
            ]
            warnings.warn(
                f"{self._directory} goes on with other software than it began with "
                f"({'; '.join(changed)}): its last digits may not be those of one run",
                SweepWarning,
                stacklevel=4,
            )
        plan = Plan(**{**plan.__dict__, "versions": (*plan.versions, now)})
        write_plan(self._directory, plan)
        self._plan = plan

    def _whole_tiles(self) -> Iterator[int]:
        for path in (self._directory / DONE).glob("*.json"):
            with contextlib.suppress(OSError, ValueError, KeyError, AttributeError):
                files = json.loads(path.read_bytes())["files"]
                sizes = {
                    name: (self._directory / name).stat().st_size for name in files
                }
                if sizes == files:
                    yield int(path.stem)

    def _marker(self, index: int, suffix: str = ".json") -> Path:
        return self._directory / DONE / f"{index:07d}{suffix}"

    def _chunk(self, name: str, region: Region) -> Path:
        array = self._arrays[name]
        place = [
            part.start // side for part, side in zip(region, array.chunks, strict=False)
        ]
        place += [0] * (array.ndim - len(place))
        return (
            self._directory
            / RESULTS
            / name
            / array.metadata.encode_chunk_key(tuple(place))
        )


def _examine(directory: Path, plan: Plan, resume: bool) -> Plan | None:
    """The plan in a folder, if it is the same; None if the folder is free to use."""
    if not directory.exists():
        return None
    if not directory.is_dir():
        raise ValueError(f"store must be a folder, and {directory} is a file")
    if not (directory / FILE).exists():
        foreign = sorted(
            p.name for p in directory.iterdir() if not p.name.startswith(OURS)
        )
        if foreign:
            raise ValueError(
                f"store {directory} is no sweep's folder: it holds "
                f"{', '.join(foreign[:5])} but no {FILE}; nothing in it was "
                "touched, name a new or empty folder"
            )
        return None
    stored = read_plan(directory)
    differences = stored.differences(plan)
    if differences:
        raise ValueError(
            f"store {directory} holds another sweep, nothing in it was touched: "
            + "; ".join(differences)
        )
    if not resume:
        raise FileExistsError(
            f"store {directory} holds this sweep already; resume=True goes on with it"
        )
    _examine_results(directory / RESULTS, stored)
    return stored


def _examine_results(path: Path, plan: Plan) -> None:
    if not path.exists():
        return
    try:
        attributes = zarr.open_group(path, mode="r").attrs
        digest = attributes.get("plan")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged or no Zarr group: {error}") from None
    if digest != plan.digest:
        raise ValueError(
            f"{path} is not what the {FILE} beside it describes; nothing in it "
            "was touched"
        )


def _create(
    path: Path, plan: Plan, coordinates: Coordinates, attributes: Mapping[str, str]
) -> None:
    """Make an empty store, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    group = zarr.create_group(
        temporary, zarr_format=3, attributes={**attributes, "plan": plan.digest}
    )
    for name, (values, attrs) in coordinates.items():
        array = group.create_array(
            name,
            shape=values.shape,
            chunks=values.shape,
            dtype="str" if values.dtype.kind == "U" else values.dtype,
            dimension_names=[name],
            attributes=dict(attrs),
        )
        array[:] = values
    for name, about in plan.variables.items():
        inner = tuple(about["shape"])
        group.create_array(
            name,
            shape=tuple(plan.axes.values()) + inner,
            chunks=tuple(plan.tile) + tuple(max(1, size) for size in inner),
            dtype=about["dtype"],
            fill_value=_fill(about["dtype"]),
            dimension_names=[*plan.axes, *about["dims"]],
            attributes=dict(about["attrs"]),
        )
    _consolidate(group)
    temporary.rename(path)


def _consolidate(group: Any) -> None:
    """Copy all metadata to the top: xarray warns without it, zarr of making it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
        zarr.consolidate_metadata(group.store)


def _fill(dtype: str) -> float | int:
    """What stands where nothing is computed yet."""
    return np.nan if np.dtype(dtype).kind == "f" else -1


def _flush(path: Path) -> int:
    """Bring a file to the disk, and give its size."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size


def _lock(path: Path) -> int:
    """Hold a file's lock, which ends with the process, however it ends."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise BlockingIOError(
            f"another process is at work on the sweep in {path.parent}; wait for it, "
            "or stop it"
        ) from None
    except OSError:
        pass  # a network disk without locks
    return handle


@contextlib.contextmanager
def _explained(directory: Path) -> Iterator[None]:
    """Say of a failing disk what is safe and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(
            error.errno,
            f"{error.strerror}: the sweep cannot be written; the tiles finished so far "
            "are kept, and the same call goes on from them once the disk takes more",
            error.filename or str(directory),
        ) from error
