"""``andon`` and ``python -m service``: the command line, whose imports may be interrupted too."""

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        from service import cli

        return cli.main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
