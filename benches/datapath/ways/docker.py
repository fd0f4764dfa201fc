"""Docker's default bridge, by a real dockerd: two containers beside each other, and one that goes out by masquerade.

The daemon has namespaces of its own (network, mounts, processes), a root and a socket of its own, and Debian's packages
unpacked beside what is built, not installed: neither the host's Docker, if there is one, nor its firewall is touched.
Containers are of an image made here, of busybox alone. What is between two of them is what Docker lays by default: no
policy by address and port, but connection tracking and its chains.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tarfile
import time

from ground import LIMIT, Absent, Failed, Namespace, outside, run
from ways import EAST_WEST, NAT, Path, Way

NAMES = ["bench-client", "bench-server"]


class Docker(Way):
    name, title, place = "docker", "Docker's bridge", 2
    against = {EAST_WEST: "veth", NAT: "veth"}

    def set_up(self, ground):
        self.packages = self.options.docker
        if not (self.packages and (self.packages / "usr/sbin/dockerd").exists()):
            raise Absent("dockerd is not unpacked (scripts/setup bench does it)")
        if not shutil.which("iptables"):
            raise Absent("iptables is missing: apt install iptables")
        self.root, self.host = ground.directory(), ground.namespace("docker-host")
        ground.afterwards("the control groups of Docker", remove_groups, ground.tag)
        if not os.path.exists("/proc/sys/net/bridge"):
            ground.afterwards("the module br_netfilter", unload)
        world = outside(ground, self.name, self.host, "203.0.113.1")
        self.host.ip("addr add 203.0.113.2/24 dev uplink")
        self.host.ip("route add default via 203.0.113.1")
        self.start(ground)
        client, server = self.containers()
        address = json.loads(self.docker("inspect", NAMES[1]))[0]["NetworkSettings"]["IPAddress"]
        return {EAST_WEST: Path(client, server, address), NAT: Path(client, world, "203.0.113.1")}

    def environment(self):
        places = [str(self.packages / "usr/sbin"), str(self.packages / "usr/bin"), os.environ["PATH"]]
        # With `container` set, dockerd leaves the host's AppArmor profiles as they are.
        return os.environ | {
            "PATH": ":".join(places), "container": "bench", "DOCKER_CONFIG": str(self.root / "client"),
            "DOCKER_HOST": f"unix://{self.root}/sock", "TMPDIR": str(self.root),
        }

    def start(self, ground):
        (self.root / "daemon.json").write_text("{}")
        daemon = [
            "dockerd", "--config-file", f"{self.root}/daemon.json", "--data-root", f"{self.root}/data", "--exec-root",
            f"{self.root}/exec", "--pidfile", f"{self.root}/pid", "--host", f"unix://{self.root}/sock", "--group",
            "root", "--storage-driver", "vfs", "--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent",
            f"/{ground.tag}",
        ]
        # Whatever ends this program ends setpriv's child, and with it all that is in the daemon's process namespace.
        apart = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                 "--kill-child", "--mount-proc", "nsenter", f"--net={self.host.path}"]
        with open(self.root / "log", "w", encoding="utf-8") as log:
            self.daemon = subprocess.Popen(
                apart + daemon, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )
        ground.afterwards("dockerd", self.stop)
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline and self.daemon.poll() is None:
            try:
                self.server = self.docker("version", "--format", "{{.Server.Version}}").strip()
                return
            except Failed:
                time.sleep(0.2)
        said = (self.root / "log").read_text().strip().splitlines()[-1:]
        raise Absent(f"dockerd does not run on this machine: {' '.join(said)}")

    def stop(self):
        """Ends the first process of the daemon's namespace: the kernel ends all others, and unshare ends after them."""
        children = pathlib.Path(f"/proc/{self.daemon.pid}/task/{self.daemon.pid}/children")
        for child in children.read_text().split() if self.daemon.poll() is None else []:
            os.kill(int(child), signal.SIGKILL)
        try:
            self.daemon.wait(10)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait(10)

    def docker(self, *words):
        return run("docker", *words, env=self.environment())

    def containers(self):
        """The namespaces of two running containers, seen through the daemon's own mounts."""
        image = self.root / "image.tar"
        with tarfile.open(image, "w") as tar:
            tar.add(self.packages / "bin/busybox", "bin/sleep")
        self.docker("import", str(image), "bench")
        mounts = pathlib.Path(f"/proc/{self.daemon.pid}/root")
        found = []
        for name in NAMES:
            self.docker("run", "--detach", "--name", name, "bench", "/bin/sleep", "2147483647")
            key = json.loads(self.docker("inspect", name))[0]["NetworkSettings"]["SandboxKey"]
            found.append(Namespace(mounts / key.lstrip("/")))
        return found

    def version(self):
        return f"Docker {self.server}, {run('iptables', '--version').strip()}"


def remove_groups(tag):
    """The control groups that containers were in, in each hierarchy."""
    top = pathlib.Path("/sys/fs/cgroup")
    for group in [*top.glob(f"*/{tag}"), *top.glob(tag)]:
        for folder, _, _ in os.walk(group, topdown=False):
            os.rmdir(folder)


def unload():
    """dockerd loads it, and it sends what the host's own bridges carry through the host's firewall."""
    if os.path.exists("/proc/sys/net/bridge"):
        run("modprobe", "--remove", "br_netfilter")


WAYS = [Docker]
