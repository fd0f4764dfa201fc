"""Rounds in which the servers take turns; in each, the load that a server bears best. Medians, and ratios to Kea."""

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

import servers

TICK = os.sysconf("SC_CLK_TCK")


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Ground:
    """Two namespaces and a cable: the server's end is `lan` with 10.0.0.1/8, the clients' is `eth0`."""

    def __init__(self):
        self.server, self.clients = f"dhcp-bench-s-{os.getpid()}", f"dhcp-bench-c-{os.getpid()}"

    def __enter__(self):
        for name in (self.server, self.clients):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", self.server, "link", "add", "name", "lan", "type", "veth", "peer", "name", "eth0",
           "netns", self.clients)
        ip("-n", self.server, "address", "add", "10.0.0.1/8", "dev", "lan")
        ip("-n", self.server, "link", "set", "lan", "up")
        ip("-n", self.clients, "link", "set", "eth0", "up")
        return self

    def __exit__(self, *_):
        for name in (self.server, self.clients):
            subprocess.run(["ip", "netns", "delete", name], check=False)

    def load(self, binary, window, seconds, first):
        said = subprocess.run(
            ["ip", "netns", "exec", self.clients, binary, "eth0", "--window", str(window), "--seconds",
             str(seconds), "--first", str(first)], check=True, capture_output=True, text=True)
        return json.loads(said.stdout)


def processor(pid):
    """Seconds of a processor that a process has used, all threads."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))


class Running:
    def __init__(self, ground, server, place):
        log = open(f"{place}/log", "w", encoding="utf-8")
        self.process = subprocess.Popen(["ip", "netns", "exec", ground.server, *server.command],
                                        env={**os.environ, **server.environment}, stdout=log, stderr=log)
        self.log = f"{place}/log"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def until_it_serves(self, ground, binary, first):
        for attempt in range(20):
            if self.process.poll() is not None:
                sys.exit(open(self.log, encoding="utf-8").read())
            if ground.load(binary, 1, 1, first + attempt * 1_000_000)["completed"] > 0:
                return
        sys.exit("the server does not serve")


def one(ground, make, options, place, windows):
    """The best that a server does in a round: the most with less than 1 % lost, and what one costs then."""
    os.makedirs(place)
    server = make(place)
    best, first = None, 10_000_000
    with Running(ground, server, place) as running:
        running.until_it_serves(ground, options.load, 3_000_000_000)
        for window in windows:
            before = processor(running.process.pid)
            got = ground.load(options.load, window, options.seconds, first)
            spent = processor(running.process.pid) - before
            first = got["next"]
            got["cpu_us"] = spent / max(got["completed"], 1) * 1e6
            got["lost_share"] = got["lost"] / max(got["begun"], 1)
            got["rss_mb"] = memory(running.process.pid)
            if got["lost_share"] < 0.01 and (best is None or got["rate"] > best["rate"]):
                best = got
    return server, best


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--madang", required=True)
    parser.add_argument("--load", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="of each load")
    parser.add_argument("--only", help="names of servers, with commas between")
    parser.add_argument("--output", help="a file for all figures, as JSON")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    makers = {"madang": lambda place: servers.madang(options.madang, place), "Kea": servers.kea,
              "dnsmasq": servers.dnsmasq, "dhcpd": servers.dhcpd}
    if options.only:
        makers = {name: makers[name] for name in options.only.split(",")}
    place = tempfile.mkdtemp(prefix="madang-bench-dhcp.", dir=os.environ.get("TMPDIR", "/var/tmp"))
    os.chmod(place, 0o755)
    figures, durable = {name: [] for name in makers}, {}
    try:
        with Ground() as ground:
            for turn in range(options.rounds):
                for name, make in makers.items():
                    windows = (4, 16, 64, 256, 1024) if name in ("madang", "Kea") else (1, 4, 16)
                    server, best = one(ground, make, options, f"{place}/{turn}-{name}", windows)
                    durable[name] = server.durable
                    if best is None:
                        print(f"{name}: more than 1 % lost at every load", file=sys.stderr)
                        continue
                    figures[name].append(best)
                    print(f"round {turn + 1} {name:8} {best['rate']:7.0f}/s at {best['window']} at once, "
                          f"{best['cpu_us']:.0f} us each, p99 {best['p99_ms']:.1f} ms, {best['rss_mb']} MB",
                          file=sys.stderr, flush=True)
                    shutil.rmtree(f"{place}/{turn}-{name}", ignore_errors=True)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    report(figures, durable)
    if options.output:
        with open(options.output, "w", encoding="utf-8") as out:
            json.dump({"machine": platform.platform(), "cpus": os.cpu_count(), "figures": figures}, out, indent=1)


def report(figures, durable):
    median = {name: (statistics.median(it["rate"] for it in all), statistics.median(it["cpu_us"] for it in all))
              for name, all in figures.items() if all}
    print("| server | DORA a second | least-most | CPU us each | p99 ms | durable by |")
    print("|---|---|---|---|---|---|")
    for name, all in figures.items():
        if all:
            rates = sorted(it["rate"] for it in all)
            p99 = statistics.median(it["p99_ms"] for it in all)
            print(f"| {name} | {median[name][0]:.0f} | {rates[0]:.0f}-{rates[-1]:.0f} | {median[name][1]:.0f} "
                  f"| {p99:.1f} | {durable[name]} |")
    if "madang" not in median:
        return
    rate, cpu = median["madang"]
    for other, bar in (("Kea", 1.5), ("dhcpd", 7), ("dnsmasq", 20)):
        if other in median:
            ratio = rate / median[other][0]
            print(f"{ratio:.2f} times {other}'s DORA a second; bar {bar}: {'reached' if ratio >= bar else 'not reached'}")
    if "Kea" in median:
        ratio = cpu / median["Kea"][1]
        print(f"{ratio:.2f} of Kea's CPU each; bar 0.45: {'reached' if ratio <= 0.45 else 'not reached'}")


if __name__ == "__main__":
    main()
