"""Read the TOML files that users write: schemas and gate contracts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from service.errors import DocumentError, Problem

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: Path) -> dict[str, Any]:
    """The document in a TOML file.

    Raises:
        DocumentError: the file can't be read or is not TOML; it says where.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = Problem(expected="a readable file", found=error.strerror or "another")
    except UnicodeDecodeError as error:
        problem = Problem(expected="UTF-8", found=f"another byte at {error.start}")
    except (ValueError, RecursionError) as error:  # ValueError: also of an integer with thousands of digits
        problem = Problem(expected="TOML", found=str(error))
    raise DocumentError(document=path.name, problems=[problem])
