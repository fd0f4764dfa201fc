"""What all ways stand on: this run's namespaces, links, directories and processes, and that none of them stays."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

LIMIT = 60


class Failed(Exception):
    """What went wrong, for people."""


class Absent(Failed):
    """Why a way cannot be measured on this machine. The others are."""


def run(*command, **options):
    try:
        done = subprocess.run(command, text=True, capture_output=True, timeout=LIMIT, **options)
    except OSError as error:
        raise Failed(f"{command[0]} did not start: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{' '.join(command)}: not done after {LIMIT} seconds") from error
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def ip(line):
    return run("ip", *line.split())


class Namespace:
    """A network namespace, by a file that leads to it."""

    def __init__(self, path):
        self.path = str(path)

    def run(self, *command, **options):
        return run("nsenter", f"--net={self.path}", *command, **options)

    def ip(self, line):
        return self.run("ip", *line.split())

    def setting(self, name, value):
        self.run("sh", "-c", f"echo {value} > /proc/sys/{name}")

    def start(self, *command):
        """A process in it, whose output is read."""
        return subprocess.Popen(
            ["nsenter", f"--net={self.path}", *command], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )


class Ground:
    """Whatever is made of it is removed when it ends, last things first, whatever else fails."""

    def __init__(self):
        self.tag = f"mdbench{os.getpid()}"
        self.removals = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(stop, signal.SIG_IGN)
        self.removals.close()

    def afterwards(self, what, remove, *arguments):
        """Has something removed at the end. What cannot be is told, and the rest is removed all the same."""

        def removal():
            try:
                remove(*arguments)
            except (Failed, OSError, subprocess.TimeoutExpired) as error:
                print(f"bench: could not remove {what}: {error}", file=sys.stderr)

        self.removals.callback(removal)

    def namespace(self, name):
        full = f"{self.tag}-{name}"
        path = f"/run/netns/{full}"
        self.afterwards(f"the namespace {full}", lambda: os.path.exists(path) and ip(f"netns del {full}"))
        ip(f"netns add {full}")
        made = Namespace(path)
        made.ip("link set lo up")
        return made

    def directory(self):
        path = pathlib.Path(tempfile.mkdtemp(prefix=f"{self.tag}-"))
        self.afterwards(f"the directory {path}", lambda: shutil.rmtree(path))
        return path


def veth(one, name, other, other_name):
    """A veth pair between two namespaces, up at both ends."""
    one.ip(f"link add {name} type veth peer name {other_name} netns {other.path}")
    one.ip(f"link set {name} up")
    other.ip(f"link set {other_name} up")


def bridge(switch, name, filtered):
    """A bridge that only bridges, as where br_netfilter is not loaded; or all of whose packets see the firewall."""
    switch.ip(f"link add {name} type bridge")
    switch.ip(f"link set {name} up")
    if os.path.exists("/proc/sys/net/bridge"):
        switch.setting("net/bridge/bridge-nf-call-iptables", int(filtered))
    elif filtered:
        raise Failed("bridges cannot be filtered here: modprobe br_netfilter")


def outside(ground, name, router, address):
    """A host outside, behind the uplink of a router."""
    world = ground.namespace(f"{name}-outside")
    veth(router, "uplink", world, "eth0")
    world.ip(f"addr add {address}/24 dev eth0")
    return world
