"""One Linux bridge with two ports and no policy: the least that connects more than two."""

from ground import bridge, veth
from ways import EAST_WEST, Path, Way


class Bridge(Way):
    name, title, place = "bridge", "one Linux bridge, no policy", 1

    def set_up(self, ground):
        switch = ground.namespace("bridge-switch")
        bridge(switch, "br0", self.options.br_netfilter)
        ends = []
        for number, role in enumerate(["client", "server"], 1):
            end = ground.namespace(f"bridge-{role}")
            veth(switch, f"p{number}", end, "eth0")
            switch.ip(f"link set p{number} master br0")
            end.ip(f"addr add 10.64.0.{number}/24 dev eth0")
            ends.append(end)
        return {EAST_WEST: Path(*ends, "10.64.0.2")}


WAYS = [Bridge]
