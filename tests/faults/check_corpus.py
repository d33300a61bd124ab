"""Every malformed request gets its documented answer, harms nobody, and leaves no memory behind."""

import re
from collections import Counter

import corpus_columns
import corpus_json
import corpus_protocols
import corpus_wire
from corpus import ROUTES, Entry
from report import Line
from served import Service, resident_mib
from talk import exchange

ENTRIES: tuple[Entry, ...] = (
    *corpus_wire.ENTRIES,
    *corpus_json.ENTRIES,
    *corpus_columns.ENTRIES,
    *corpus_protocols.ENTRIES,
)

TIMES = 40
SETTLED = 16
"""After so many times, each worker has had the largest requests, and its allocator what it keeps for them."""

MOST_MIB = 4.0
"""So much more may a worker have at the end, one body of the largest size; a leak of 1 kB a request would be more."""

SECRETS = rb"N14228|Traceback|/site-packages/|/home/|/root/|werkzeug|Python/\d"
"""What neither an answer nor the log, which has a line for each request, may hold: a feature's value, or how and where
the service is made."""


def spoken(service: Service) -> set[str]:
    """The protocols that the service has."""
    return {protocol for protocol, path in ROUTES.items() if path is None or service.get(path)[0] not in (0, 404)}


def check(service: Service, *, quick: bool) -> list[Line]:
    """Send all that the service has a route for, several times over."""
    protocols = spoken(service)
    entries = [entry for entry in ENTRIES if entry.protocol in protocols]
    wrong, failed, leaky, ill, slowest = [], 0, [], 0, (0.0, "")
    times, settled = (3, 2) if quick else (TIMES, SETTLED)  # quickly, nothing settles
    memory = []
    secrets = re.compile(SECRETS + b"|" + re.escape(bytes(service.log.parent)))
    before = service.log.stat().st_size
    for _ in range(times):
        for entry in entries:
            told = exchange(service.port, entry.sent(), ends=entry.ends, seconds=30)
            if told.statuses != entry.statuses or not told.closed:
                wrong.append(f"{entry.name}: {told.statuses or 'no answer'}, documented {entry.statuses}")
            failed += any(status >= 500 for status in told.statuses)
            if secrets.search(told.answer):
                leaky.append(entry.name)
            slowest = max(slowest, (told.seconds, entry.name))
            ill += service.get("/health")[0] != 200
        memory.append({pid: resident_mib(pid) for pid in service.workers})
    for line, count in Counter(wrong).items():
        print(f"corpus: {line} ({count} of {times} times)")
    for name in dict.fromkeys(leaky):
        print(f"corpus: the answer says too much: {name}")
    print(f"corpus: the slowest is {slowest[1]}: {slowest[0]:.2f} s")
    grown = max(memory[-1].get(pid, 0) - first for pid, first in memory[settled - 1].items())
    same = memory[0].keys() == memory[-1].keys()
    counts = Counter(entry.protocol for entry in entries)
    absent = sorted(ROUTES.keys() - protocols)
    named = ", ".join(f"{count} {protocol}" for protocol, count in counts.items())
    sent = times * len(entries)
    logged = service.log.read_bytes()[before:]
    said = sorted({match.decode() for match in secrets.findall(logged)})
    print(f"corpus: {logged.count(b'service.access'):,} requests are in the log{', and ' if said else ''}{said or ''}")
    lines = [
        Line(
            what=f"{len(entries)} malformed requests ({named})",
            asked="100 % the documented status",
            measured=f"{(sent - len(wrong)) / sent:.1%} of {sent:,}",
            met=not wrong,
        ),
        Line(
            what="their answers, and the log",
            asked="0 × 5xx, no traceback, no value, no path of the machine",
            measured=f"{failed} × 5xx; {len(leaky)} answers that say too much; of that in the log: {len(said)}",
            met=not failed and not said and not leaky and b"service.access" in logged,
        ),
        Line(
            what="`/health` after each",
            asked="200",
            measured=f"{ill} times not; {'the same workers' if same else 'other workers'} at the end",
            met=not ill and same,
        ),
        Line(
            what=f"memory of a worker, after {settled} times and after {times}",
            asked=f"no more than {MOST_MIB:.0f} MiB more",
            measured=f"{grown:+.1f} MiB of {max(memory[-1].values()):.0f}",
            met=None if quick else grown <= MOST_MIB,
        ),
    ]
    if absent:
        more = sum(entry.protocol in absent for entry in ENTRIES)
        what = f"{more} malformed requests more, to protocols that this service has not ({', '.join(absent)})"
        lines.append(Line(what=what, asked="the same", measured="nothing", met=None))
    return lines
