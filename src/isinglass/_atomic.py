"""Files that are either the old ones or the new ones, whenever the program is killed."""

import os
import secrets
from pathlib import Path


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data`` to ``path``, replacing what stood there in one step.

    It is written under a temporary name in the same folder, flushed to disk and moved
    into place, so that no reader ever sees a part of it.

    Raises:
        OSError: If the folder does not exist or cannot be written to. ``path`` is then
            as it was, and no temporary file is left.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # Ctrl-C included
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8, as `write_bytes` does."""
    write_bytes(path, text.encode())
