"""What everything else is measured against: a cable between two namespaces."""

from ground import veth
from ways import EAST_WEST, Path, Way


class Veth(Way):
    name, title, place = "veth", "bare veth pair", 0

    def set_up(self, ground):
        client, server = ground.namespace("veth-client"), ground.namespace("veth-server")
        veth(client, "eth0", server, "eth0")
        client.ip("addr add 10.64.0.1/24 dev eth0")
        server.ip("addr add 10.64.0.2/24 dev eth0")
        return {EAST_WEST: Path(client, server, "10.64.0.2")}


WAYS = [Veth]
