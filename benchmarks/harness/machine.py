"""The machine that figures were measured on, without its name."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path


def describe() -> dict[str, str]:
    """Processor, cores, caches, memory, kernel and Python."""
    return {
        "processor": _first(r"model name\s*:\s*(.+)", "/proc/cpuinfo", platform.machine()),
        "cores": str(len(os.sched_getaffinity(0))),
        "caches": _caches(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
    }


def version_of(*packages: str) -> dict[str, str]:
    """Versions of packages of this environment."""
    return {package: metadata.version(package) for package in packages}


def _caches() -> str:
    try:
        lines = subprocess.run(["lscpu"], stdout=subprocess.PIPE, text=True, check=True, env={"LC_ALL": "C"}).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return ", ".join(f"{name} {size.strip()}" for name, size in re.findall(r"^(L\w+) cache:\s*(.+)$", lines, re.M))


def _first(pattern: str, path: str, otherwise: str) -> str:
    found = re.search(pattern, Path(path).read_text())
    return found[1].strip() if found else otherwise
