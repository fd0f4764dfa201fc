"""Madang, with a root of its own, and a network namespace for what is otherwise the host's. bench.yaml is what it is
told; the security group comes from policy.py, as everybody's rules do."""

import pathlib
import subprocess
import time

import policy
from ground import LIMIT, Absent, Failed, Namespace, outside
from policy import CLIENT, SERVER
from ways import EAST_WEST, NAT, RULES, Path, Way

CLOUD = pathlib.Path(__file__).resolve().parents[1] / "bench.yaml"


class Madang(Way):
    name, title, place = "madang", "Madang", 4
    against = {EAST_WEST: "veth", NAT: "veth"}
    count = policy.FEW

    def madang(self, *words):
        return self.host.run(self.options.madang, "--root", str(self.root), *words)

    def set_up(self, ground):
        if not self.options.madang:
            raise Absent("no binary was given")
        self.host, self.root = ground.namespace(f"{self.name}-host"), ground.directory()
        world = outside(ground, self.name, self.host, "203.0.113.1")
        cloud = self.root / "bench.yaml"
        cloud.write_text(CLOUD.read_text() + policy.security_group(self.count))
        self.serve(ground)
        self.madang("up", "-f", str(cloud))
        client, server = self.instance(CLIENT), self.instance(SERVER)
        paths = {
            EAST_WEST: Path(client, server, SERVER),
            RULES: Path(client, server, SERVER),
            NAT: Path(client, world, "203.0.113.1"),
        }
        return {scenario: paths[scenario] for scenario in self.against}

    def instance(self, address):
        for path in sorted((self.root / "run" / "netns").iterdir()):
            namespace = Namespace(path)
            if f" {address}/" in namespace.ip("-o -4 addr show"):
                return namespace
        raise Failed(f"no namespace below {self.root} has the address {address}")

    def serve(self, ground):
        """Starts the daemon, and not `up`, so that there is something to end whenever this is interrupted."""
        with open(self.root / "log", "w", encoding="utf-8") as log:
            daemon = subprocess.Popen(
                ["nsenter", f"--net={self.host.path}", self.options.madang, "--root", str(self.root), "serve",
                 "--listen", "none"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        ground.afterwards(self.title, self.tear_down, daemon)
        deadline = time.monotonic() + LIMIT
        while True:
            try:
                self.madang("get", "vpcs")
                return
            except Failed:
                if daemon.poll() is not None or time.monotonic() > deadline:
                    raise Failed(f"the daemon does not answer: {(self.root / 'log').read_text().strip()}") from None
                time.sleep(0.05)

    def tear_down(self, daemon):
        """The daemon leaves everything to the next one; `down` starts that, if there is anything."""
        daemon.kill()
        daemon.wait(LIMIT)
        self.madang("down", "--all")

    def version(self):
        return self.madang("version").strip()


class Many(Madang):
    name, title, place = "madang-many", f"Madang, {policy.MANY:,} rules", 10
    against = {RULES: "madang"}
    count = policy.MANY


WAYS = [Madang, Many]
