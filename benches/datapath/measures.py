"""What is measured of each way, and how."""

import json
import os
import pathlib
import sys
import typing

from ground import Failed

HERE = pathlib.Path(__file__).resolve().parent
UDP, TCP = str(HERE / "traffic" / "udp.py"), str(HERE / "traffic" / "tcp.py")
CPUS = sorted(os.sched_getaffinity(0))
FIRST, LAST = str(CPUS[0]), str(CPUS[-1])


class Measure(typing.NamedTuple):
    """`take` returns figures, of which `figure` is the one that ways are compared by; `beside` are shown with it."""

    name: str
    title: str
    figure: str
    less_is_better: bool
    take: typing.Callable
    scale: float = 1
    places: int = 0
    beside: tuple = ()


class Beside(typing.NamedTuple):
    """A figure that explains another."""

    figure: str
    title: str
    form: str


def python(*arguments):
    return [sys.executable, "-I", "-S", *arguments]


def pair(path, server, client, seconds, ends=True):
    """What a client and its server print, and the CPU time that they and soft interrupts took, in nanoseconds. Both have
    ended afterwards, whatever happens; a server that does not end by itself is told to."""
    running = [path.server.start(*server)]
    limit = seconds * 5 + 20
    try:
        while "listening" not in (line := running[0].stdout.readline()):
            if not line:
                raise Failed(f"a server did not start: {running[0].stderr.read().strip()}")
        before = soft_interrupts()
        running.append(path.client.start(*client))
        words, complaint = running[1].communicate(timeout=limit)
        if running[1].returncode != 0:
            raise Failed((complaint.strip() or words.strip()).splitlines()[-1])
        if not ends:
            running[0].terminate()
        heard = running[0].communicate(timeout=limit)[0]
        beside = soft_interrupts() - before
        said, heard = json.loads(words), json.loads(heard)
        return said, heard, said["cpu_ns"] + heard["cpu_ns"] + beside
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.communicate()


def soft_interrupts():
    """CPU time that packets take beside their sender and receiver, in nanoseconds: of ksoftirqd, to which they are left
    when there are too many, and on kernels that do not count soft interrupts as the processes' own, of these."""
    total = 0
    for path in KSOFTIRQD:
        total += int(path.read_text().split()[0])
    if IRQ_TIME:
        ticks = int(pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[7])
        total += ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return total


def ksoftirqd():
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().startswith("ksoftirqd/"):
                found.append(path.with_name("schedstat"))
        except OSError:
            pass
    return found


def irq_time():
    config = pathlib.Path(f"/boot/config-{os.uname().release}")
    return config.exists() and "CONFIG_IRQ_TIME_ACCOUNTING=y" in config.read_text()


KSOFTIRQD, IRQ_TIME = ksoftirqd(), irq_time()


def udp(path, rate, options):
    server = python(UDP, "receive", LAST, str(options.size))
    client = python(UDP, "send", path.address, FIRST, str(rate), str(options.size), str(options.seconds))
    sent, received, cpu_ns = pair(path, server, client, options.seconds)
    if received["packets"] == 0:
        raise Failed(f"none of {sent['packets']} UDP packets arrived")
    return {
        "cpu_ns": cpu_ns / received["packets"],
        "per_second": received["packets"] / sent["seconds"],
        "lost": 1 - received["packets"] / (sent["packets"] + sent["refused"]),
    }


def cpu(path, options):
    return udp(path, options.rate, options)


def packets(path, options):
    return udp(path, 0, options)


def stream(path, options):
    client = python(TCP, "stream", FIRST, path.address, str(options.seconds))
    sent, received, cpu_ns = pair(path, python(TCP, "serve", LAST), client, options.seconds)
    if not received["bytes"]:
        raise Failed("nothing of a TCP stream arrived")
    return {
        "bits_per_second": received["bytes"] * 8 / received["seconds"],
        "cpu_ns": cpu_ns / received["all_bytes"] * 1000,
        "retransmits": sent["retransmits"],
    }


def exchanges(role):
    def take(path, options):
        client = python(TCP, role, FIRST, path.address, str(options.seconds))
        said, _, cpu_ns = pair(path, python(TCP, "answer", LAST), client, options.seconds, ends=False)
        if not said["done"]:
            raise Failed("no connection came about")
        return said | {"cpu_us": cpu_ns / said["done"] / 1000}

    return take


LOST, CPU_US = Beside("lost", "lost", ".2%"), Beside("cpu_us", "CPU µs each", ".1f")
MEASURES = [
    Measure("cpu", "CPU ns a packet, UDP at a fixed rate", "cpu_ns", True, cpu, beside=(LOST,)),
    Measure("pps", "UDP packets a second, as many as go", "per_second", False, packets, beside=(LOST,)),
    Measure("stream", "TCP stream, Gbit/s", "bits_per_second", False, stream, 1e-9, 1,
            (Beside("cpu_ns", "CPU ns a kB", ".0f"), Beside("retransmits", "sent again", ".0f"))),
    Measure("latency", "one byte there and one back, per second", "per_second", False, exchanges("ask"),
            beside=(CPU_US, Beside("median_us", "median µs", ".1f"), Beside("p99_us", "p99 µs", ".0f"))),
    Measure("connect", "connect, ask and close, per second", "per_second", False, exchanges("connect"),
            beside=(CPU_US, Beside("failed", "failed", ".0f"), Beside("user_share", "Python's share", ".0%"))),
]
