"""Whether every job that this one needs has succeeded: exit 0, or 1 if one failed, was cancelled or was skipped.

    NEEDS='{"lint": {"result": "success"}, ...}' python tools/verdict.py

``NEEDS`` is the ``needs`` context of GitHub Actions, as JSON.
"""

import json
import os
import sys


def main():
    """Print a line for each job, and return the exit code."""
    try:
        results = {name: job["result"] for name, job in json.loads(os.environ.get("NEEDS") or "{}").items()}
    except (ValueError, LookupError, TypeError, AttributeError):  # not JSON, or not of this form
        print("the line stopped: NEEDS names no results of jobs")
        return 1
    for name, result in results.items():
        print(f"{name}: {result}")
    stopped = [name for name, result in results.items() if result != "success"]
    if stopped or not results:
        print(f"the line stopped: {', '.join(stopped) or 'no job is named in NEEDS'}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
