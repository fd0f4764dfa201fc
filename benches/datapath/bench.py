#!/usr/bin/env python3
"""Three ways from one namespace to another, measured in turns.

A bare veth pair; bridges with a router and nftables; and Madang with the same policy. All traffic stays inside
namespaces that this program makes, is bounded, and stops by itself.
"""

import argparse
import json
import math
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TRAFFIC = str(HERE / "traffic.py")
TAG = f"mdbench{os.getpid()}"
PORT = "5201"
CLIENT, SERVER = "10.64.1.10", "10.64.2.10"
LIMIT = 60

# What bench.yaml allows, and no more; what belongs to a connection passes.
POLICY = """
table inet bench {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    ip saddr 10.64.1.0/24 ip daddr 10.64.2.0/24 tcp dport 5201 accept
    ip saddr 10.64.1.0/24 ip daddr 10.64.2.0/24 udp dport 5201 accept
  }
}
"""


class Failed(Exception):
    """What went wrong, for people."""


def run(*command, **options):
    done = subprocess.run(command, text=True, capture_output=True, timeout=LIMIT, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def ip(line):
    return run("ip", *line.split())


class Namespace:
    """A network namespace of ours, by the name that iproute2 has for it."""

    def __init__(self, case, role):
        self.name = f"{TAG}-{case}-{role}"
        ip(f"netns add {self.name}")
        self.path = f"/run/netns/{self.name}"
        self.ip("link set lo up")

    def ip(self, line):
        return ip(f"-n {self.name} {line}")

    def setting(self, name, value):
        path = "/proc/sys/" + name
        run("nsenter", f"--net={self.path}", "sh", "-c", f"echo {value} > {path}")


class Case:
    """A way from a client's namespace to a server's."""

    def __init__(self):
        self.client = self.server = self.address = None


class Veth(Case):
    name, title = "veth", "bare veth pair"

    def set_up(self):
        client, server = Namespace(self.name, "client"), Namespace(self.name, "server")
        ip(f"link add eth0 netns {client.name} type veth peer name eth0 netns {server.name}")
        for namespace, own in [(client, 1), (server, 2)]:
            namespace.ip(f"addr add 10.64.0.{own}/24 dev eth0")
            namespace.ip("link set eth0 up")
        self.client, self.server, self.address = client.path, server.path, "10.64.0.2"


class Bridge(Case):
    name, title = "bridge", "bridges + router + nftables"

    def set_up(self):
        switch, router = Namespace(self.name, "switch"), Namespace(self.name, "router")
        client, server = Namespace(self.name, "client"), Namespace(self.name, "server")
        for number, (namespace, address) in enumerate([(client, CLIENT), (server, SERVER)], 1):
            gateway = f"10.64.{number}.1"
            switch.ip(f"link add br{number} type bridge")
            switch.ip(f"link set br{number} up")
            for end, other, port in [(namespace, "eth0", f"p{number}"), (router, f"eth{number}", f"r{number}")]:
                ip(f"link add {port} netns {switch.name} type veth peer name {other} netns {end.name}")
                switch.ip(f"link set {port} master br{number} up")
            router.ip(f"addr add {gateway}/24 dev eth{number}")
            router.ip(f"link set eth{number} up")
            namespace.ip(f"addr add {address}/24 dev eth0")
            namespace.ip("link set eth0 up")
            namespace.ip(f"route add default via {gateway}")
        router.setting("net/ipv4/ip_forward", 1)
        run("nsenter", f"--net={router.path}", "nft", "-f", "-", input=POLICY)
        self.client, self.server, self.address = client.path, server.path, SERVER


class Madang(Case):
    """The instances of bench.yaml, by their addresses."""

    name, title = "madang", "Madang"

    def __init__(self, binary):
        super().__init__()
        self.binary = binary
        self.root = None

    def madang(self, *words):
        return run(self.binary, "--root", str(self.root), *words)

    def set_up(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix=f"{TAG}-"))
        self.madang("up", "-f", str(HERE / "bench.yaml"))
        for path in sorted((self.root / "run" / "netns").iterdir()):
            addresses = run("nsenter", f"--net={path}", "ip", "-o", "-4", "addr", "show", "dev", "eth0")
            if f" {CLIENT}/" in addresses:
                self.client = str(path)
            if f" {SERVER}/" in addresses:
                self.server = str(path)
        if not (self.client and self.server):
            raise Failed(f"no namespace below {self.root} has the addresses {CLIENT} and {SERVER}")
        self.address = SERVER

    def tear_down(self):
        if self.root:
            if (self.root / "run" / "madang.sock").exists():
                self.madang("down", "--all")
            shutil.rmtree(self.root, ignore_errors=True)


def inside(namespace, *command):
    return subprocess.Popen(
        ["nsenter", f"--net={namespace}", *command], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def listening(server, word):
    """Waits until a server says so."""
    while line := server.stdout.readline():
        if word in line:
            return
    raise Failed(f"a server did not start: {server.stderr.read().strip()}")


def pair(server, word, client, limit):
    """What a client and its server print. Both have ended afterwards, whatever happens."""
    running = [server]
    try:
        listening(server, word)
        running.append(started := client())
        words, complaint = started.communicate(timeout=limit)
        heard, _ = server.communicate(timeout=limit)
        if started.returncode != 0:
            raise Failed(complaint.strip() or words.strip())
        return words, heard
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.communicate()


def ksoftirqd():
    """The CPU time of the threads that packets are left to when there are too many, in nanoseconds."""
    total = 0
    for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().startswith("ksoftirqd/"):
                total += int(path.with_name("schedstat").read_text().split()[0])
        except OSError:
            pass
    return total


def irq_time():
    """CPU time in soft interrupts that this kernel does not count as the processes' own, in nanoseconds."""
    config = pathlib.Path(f"/boot/config-{os.uname().release}")
    if not config.exists() or "CONFIG_IRQ_TIME_ACCOUNTING=y" not in config.read_text():
        return 0
    ticks = int(pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[7])
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def udp(case, rate, size, seconds):
    cpus = sorted(os.sched_getaffinity(0))
    server = inside(case.server, sys.executable, TRAFFIC, "receive", str(cpus[-1]), str(size))
    arguments = [case.address, str(cpus[0]), str(rate), str(size), str(seconds)]
    before = ksoftirqd() + irq_time()
    words, heard = pair(
        server, "listening", lambda: inside(case.client, sys.executable, TRAFFIC, "send", *arguments), seconds * 10 + 20
    )
    beside = ksoftirqd() + irq_time() - before
    sent, received = json.loads(words), json.loads(heard)
    if received["packets"] < sent["packets"] // 2:
        raise Failed(f"only {received['packets']} of {sent['packets']} UDP packets arrived over {case.title}")
    return {
        "cpu_ns": (sent["cpu_ns"] + received["cpu_ns"] + beside) / received["packets"],
        "pps": received["packets"] / sent["seconds"],
        "lost": 1 - received["packets"] / (sent["packets"] + sent["refused"]),
    }


def tcp(case, seconds):
    cpus = sorted(os.sched_getaffinity(0))
    server = inside(case.server, "iperf3", "-s", "-1", "-p", PORT, "--forceflush")
    client = ["iperf3", "-c", case.address, "-p", PORT, "-t", str(seconds), "-J", "-A", f"{cpus[0]},{cpus[-1]}"]
    words, _ = pair(server, "listening", lambda: inside(case.client, *client), seconds * 10 + 20)
    report = json.loads(words)
    return {
        "gbps": report["end"]["sum_received"]["bits_per_second"] / 1e9,
        "retransmits": report["end"]["sum_sent"]["retransmits"],
    }


def interval(values):
    """Between which values the median is with 95 %, by their ranks; of fewer than six values, between the outermost."""
    ordered, count = sorted(values), len(values)
    rank, outside = 0, 2**-count
    while outside + math.comb(count, rank + 1) / 2**count <= 0.025:
        rank += 1
        outside += math.comb(count, rank) / 2**count
    return ordered[rank], ordered[count - 1 - rank]


def summary(values):
    low, high = interval(values)
    return {"median": statistics.median(values), "low": low, "high": high, "values": values}


def results(cases, rounds):
    """Each figure of each case, and its ratio to the bare veth of the same round."""
    table = {}
    for case in cases:
        own = {}
        for figure in ["cpu_ns", "gbps", "pps", "lost"]:
            values = [taken[case.name][figure] for taken in rounds]
            own[figure] = summary(values)
            if figure in ("cpu_ns", "gbps"):
                base = [taken["veth"][figure] for taken in rounds]
                own[f"{figure}_ratio"] = summary([value / of for value, of in zip(values, base)])
        own["title"] = case.title
        table[case.name] = own
    return table


def show(table, options):
    def cell(figure, places):
        return f"{figure['median']:.{places}f} ({figure['low']:.{places}f}-{figure['high']:.{places}f})"

    print(f"UDP: {options.size} bytes, {options.rate} packets a second. Median of {options.rounds} rounds taken in")
    print("turns, in parentheses where it lies with 95 %. Ratios are to the bare veth pair in the same round.\n")
    heads = ["way", "CPU ns/packet", "ratio", "TCP Gbit/s", "ratio", "lost"]
    rows = [heads] + [
        [own["title"], cell(own["cpu_ns"], 0), cell(own["cpu_ns_ratio"], 2), cell(own["gbps"], 1),
         cell(own["gbps_ratio"], 2), f"{own['lost']['median']:.2%}"]
        for own in table.values()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    rows.insert(1, ["-" * width for width in widths])
    for row in rows:
        print("| " + " | ".join(text.ljust(width) for text, width in zip(row, widths)) + " |")


def clear_away(cases):
    """Takes everything down, and says what could not be."""
    for case in cases:
        try:
            getattr(case, "tear_down", lambda: None)()
        except (Failed, subprocess.TimeoutExpired) as error:
            print(f"bench: could not take down {case.title}: {error}", file=sys.stderr)
    for name in ip("netns list").split():
        if name.startswith(f"{TAG}-"):
            ip(f"netns delete {name}")


def measure(cases, options):
    for case in cases:
        print(f"bench: setting up {case.title}", file=sys.stderr)
        case.set_up()
        udp(case, options.rate, options.size, 0.2)
    rounds = []
    order = random.Random(1)
    for number in range(options.rounds):
        taken = {}
        for case in order.sample(cases, len(cases)):
            taken[case.name] = udp(case, options.rate, options.size, options.seconds) | tcp(case, options.seconds)
        rounds.append(taken)
        words = ", ".join(f"{case.name} {taken[case.name]['cpu_ns']:.0f} ns" for case in cases)
        print(f"bench: round {number + 1} of {options.rounds}: {words}", file=sys.stderr)
    return rounds


def parsed():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--madang", metavar="BINARY", help="without it, only what it is compared with is measured")
    parser.add_argument("--rounds", type=int, default=9, help="default 9")
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement; default 2")
    parser.add_argument("--rate", type=int, default=100_000, help="UDP packets a second; default 100000")
    parser.add_argument("--size", type=int, default=64, help="UDP bytes in a packet; default 64")
    parser.add_argument("--json", type=pathlib.Path, default=HERE.parents[1] / "target" / "bench-datapath.json")
    options = parser.parse_args()
    if not (1 <= options.rounds <= 100 and 0 < options.seconds <= 10 and 0 < options.rate <= 1_000_000):
        parser.error("at most 100 rounds, 10 seconds and 1000000 packets a second")
    return options


def main():
    options = parsed()
    for stop in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))
    cases = [Veth(), Bridge()] + ([Madang(options.madang)] if options.madang else [])
    load = os.getloadavg()[0]
    if load > os.cpu_count() / 2:
        print(f"bench: the machine is busy (load {load:.1f}): the figures will be worth little", file=sys.stderr)
    try:
        rounds = measure(cases, options)
    finally:
        clear_away(cases)
    table = results(cases, rounds)
    show(table, options)
    report = {
        "kernel": os.uname().release, "cpus": os.cpu_count(), "load": load, "time": int(time.time()),
        "udp": {"rate": options.rate, "size": options.size}, "seconds": options.seconds, "rounds": options.rounds,
        "results": table,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    print(f"bench: the figures are in {options.json}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main()
    except (Failed, subprocess.TimeoutExpired) as failure:
        sys.exit(f"bench: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
