#!/usr/bin/env python3
"""Ways from one namespace to another, and out of the host, measured in turns beside a bare veth pair.

All traffic stays inside namespaces that this program makes, is bounded, and stops by itself.
"""

import argparse
import contextlib
import json
import os
import pathlib
import random
import signal
import sys
import time

import report
import ways
from ground import Absent, Failed, Ground
from measures import MEASURES

HERE = pathlib.Path(__file__).resolve().parent
WARM = 0.2


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--madang", metavar="BINARY", help="without it, only what it is compared with is measured")
    parser.add_argument("--docker", metavar="DIRECTORY", type=pathlib.Path,
                        help="where dockerd is unpacked; without it, Docker is left out")
    parser.add_argument("--rounds", type=int, default=9, help="default 9")
    parser.add_argument("--seconds", type=float, default=1, help="of each measurement; default 1")
    parser.add_argument("--rate", type=int, default=100_000, help="UDP packets a second; default 100000")
    parser.add_argument("--size", type=int, default=64, help="UDP bytes in a packet; default 64")
    parser.add_argument("--br-netfilter", action="store_true",
                        help="bridges send what they carry through the firewall, as they do where Docker is")
    parser.add_argument("--only", action="append", default=[], metavar="WORD[/WORD]...",
                        help="a measure, a way, a scenario, or several of these, as cpu/madang or nat; may be given "
                             "several times. What it is compared with is measured too")
    parser.add_argument("--output", metavar="FILE.json", type=pathlib.Path,
                        default=HERE.parents[1] / "target" / "bench-datapath.json", help="default %(default)s")
    options = parser.parse_args()
    if not (1 <= options.rounds <= 100 and 0 < options.seconds <= 10 and 0 < options.rate <= 1_000_000):
        parser.error("at most 100 rounds, 10 seconds and 1000000 packets a second")
    return options, parser


def plan(every, options, parser):
    """For each measure the cells to measure: those that are asked for, and those that they are compared with."""
    known = {m.name for m in MEASURES} | {way.name for way in every} | set(report.SCENARIOS)
    asked = [set(words.split("/")) for words in options.only]
    for word in set().union(*asked) - known:
        parser.error(f"--only: there is no {word}; there are {', '.join(sorted(known))}")
    wanted = {}
    for measure in MEASURES:
        found = {}
        for way in every:
            for scenario, base in way.against.items():
                if not asked or any(words <= {measure.name, way.name, scenario} for words in asked):
                    found |= dict.fromkeys([(base, ways.EAST_WEST), (way.name, scenario)])
        if found:
            wanted[measure] = list(found)
    if not wanted:
        parser.error(f"--only {' '.join(options.only)}: nothing is all of that")
    return wanted


def set_up(ground, every, wanted):
    """The paths of those ways that are needed, by cell; what they are; and why some are absent."""
    needed = {name for found in wanted.values() for name, _ in found}
    paths, versions, absent = {}, {}, {}
    for way in every:
        if way.name not in needed:
            continue
        print(f"bench: setting up {way.title}", file=sys.stderr)
        try:
            made = way.set_up(ground)
        except Absent as reason:
            absent[way.name] = str(reason)
            continue
        if version := way.version():
            versions[way.name] = version
        for scenario, path in made.items():
            # Ports are soon free again, so that a client does not run out of them by measuring.
            path.client.setting("net/ipv4/tcp_tw_reuse", 1)
            paths[way.name, scenario] = path
    return paths, versions, absent


def measure(paths, wanted, options):
    """Round by round, measure by measure; who comes first changes each time."""
    samples, order = report.Samples(), random.Random(1)
    warm = argparse.Namespace(**vars(options) | {"seconds": WARM})
    for taken, found in wanted.items():
        for cell in found:
            if cell in paths:
                with contextlib.suppress(Failed):
                    taken.take(paths[cell], warm)
    for number in range(1, options.rounds + 1):
        start = time.monotonic()
        for taken, found in wanted.items():
            there = [cell for cell in found if cell in paths]
            for cell in order.sample(there, len(there)):
                try:
                    samples.add(number, taken, cell, taken.take(paths[cell], options))
                except Failed as error:
                    samples.failed(number, taken, cell, str(error))
        took = time.monotonic() - start
        print(f"bench: round {number} of {options.rounds} took {took:.0f} s", file=sys.stderr)
    return samples


def main():
    options, parser = parsed()
    for stop in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))
    every, about, start = ways.every(options), report.machine(), time.monotonic()
    wanted = plan(every, options, parser)
    if (load := about["load_before"]) > os.cpu_count() / 2:
        print(f"bench: the machine is busy (load {load:.1f}): the figures will be worth little", file=sys.stderr)
    with Ground() as ground:
        paths, versions, absent = set_up(ground, every, wanted)
        samples = measure(paths, wanted, options)
        about["load_after"] = os.getloadavg()[0]
    report.show(samples, every, options)
    for name, reason in absent.items():
        print(f"Left out: {name}: {reason}.")
    for what in samples.failures:
        print(f"Failed: {what}")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report.record(samples, versions, absent, options, about), indent=1) + "\n")
    print(f"bench: {time.monotonic() - start:.0f} s in all; every sample is in {options.output}", file=sys.stderr)
    return 1 if samples.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
