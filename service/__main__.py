"""``andon`` and ``python -m service``: the command line, whose imports may be interrupted too."""

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        from service import cli

        return cli.main()
    except KeyboardInterrupt:
        return 130
    except ImportError as error:
        if error.name != "service.kernels":
            raise
        print(f"andon: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
