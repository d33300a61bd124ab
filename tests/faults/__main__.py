"""Do the service every harm that the issue names, and see that it holds: ``tox -e faults``.

    python tests/faults [NAME ...] [--quick] [--write] [--seconds N]

Names are corpus, clients, kills, collisions, environment, soak; without any, all of them. The exit code is 0 if
everything that was asked is met. Load goes to a service of its own on the loopback, bounded in count and time.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

import check_clients
import check_collisions
import check_corpus
import check_environment
import check_kills
import check_soak
from report import Line, machine, table, write
from served import make_demo, make_small, serve


class Suite:
    """All checks on two stores, made once in a folder."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.quick, self.seconds = folder, options.quick, options.seconds
        self.demo = make_demo(folder)

    def corpus(self) -> list[Line]:
        with serve(self.folder, self.demo, log=self.folder / "corpus.log", ANDON_ACCESS_LOG="true") as service:
            return check_corpus.check(service, quick=self.quick)

    def clients(self) -> list[Line]:
        with serve(self.folder, self.demo, log=self.folder / "clients.log") as service:
            return check_clients.check(service, seconds=2.0 if self.quick else 10.0)

    def kills(self) -> list[Line]:
        kills, signals = (3, 1) if self.quick else (20, 10)
        return check_kills.check(self.folder, self.demo, kills=kills, signals=signals)

    def collisions(self) -> list[Line]:
        with serve(self.folder, make_small(self.folder), log=self.folder / "collisions.log") as service:
            return check_collisions.check(service, quick=self.quick)

    def environment(self) -> list[Line]:
        return check_environment.check(self.folder, self.demo, quick=self.quick)

    def soak(self) -> list[Line]:
        with serve(self.folder, self.demo, log=self.folder / "soak.log") as service:
            seconds = self.seconds or (5.0 if self.quick else 60.0)
            return check_soak.check(service, self.folder, seconds=seconds)


CHECKS = ("corpus", "clients", "kills", "collisions", "environment", "soak")


def main(arguments: list[str]) -> int:
    """Run the checks that are named, print their tables, and with ``--write`` put them into the page."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(CHECKS)}; without any, all of them")
    parser.add_argument("--quick", action="store_true", help="fewer of each, in less than 90 s: for each change")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/reliability.md")
    parser.add_argument("--seconds", type=float, help="of the soak; else 60")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(CHECKS)
    if unknown:
        parser.error(f"there is no check named {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    met = True
    with tempfile.TemporaryDirectory(prefix="andon-faults-", ignore_cleanup_errors=True) as folder:
        suite = Suite(Path(folder), options)
        for name in options.names or CHECKS:
            said, started = machine(), time.monotonic()
            lines = getattr(suite, name)()
            said = f"{said}; {time.monotonic() - started:.0f} s"
            print(f"\n{name} ({said})\n\n{table(lines)}", flush=True)
            met = met and all(line.met is not False for line in lines)
            if options.write:
                write(name, lines, said)
    print("\neverything asked is met" if met else "\nnot everything asked is met")
    return 0 if met else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
