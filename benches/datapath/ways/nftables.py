"""What people build by hand: a bridge for each subnet, a router's namespace between them, nftables with the policy and
masquerade. The bridges themselves only bridge, which is how this is at its best; see --br-netfilter."""

import policy
from ground import bridge, outside, run, veth
from policy import CLIENT, SERVER
from ways import EAST_WEST, NAT, RULES, Path, Way


class Nftables(Way):
    name, title, place = "nftables", "bridges + router + nftables", 3
    against = {EAST_WEST: "veth", NAT: "veth"}
    count, as_set = policy.FEW, False

    def set_up(self, ground):
        switch, router = ground.namespace(f"{self.name}-switch"), ground.namespace(f"{self.name}-router")
        ends = []
        for number, (role, address) in enumerate([("client", CLIENT), ("server", SERVER)], 1):
            end, gateway = ground.namespace(f"{self.name}-{role}"), f"10.64.{number}.1"
            bridge(switch, f"br{number}", self.options.br_netfilter)
            veth(switch, f"p{number}", end, "eth0")
            veth(switch, f"r{number}", router, f"eth{number}")
            for port in (f"p{number}", f"r{number}"):
                switch.ip(f"link set {port} master br{number}")
            router.ip(f"addr add {gateway}/24 dev eth{number}")
            end.ip(f"addr add {address}/24 dev eth0")
            end.ip(f"route add default via {gateway}")
            ends.append(end)
        world = outside(ground, self.name, router, "203.0.113.1")
        router.ip("addr add 203.0.113.2/24 dev uplink")
        router.setting("net/ipv4/ip_forward", 1)
        router.run("nft", "-f", "-", input=policy.nftables(self.count, self.as_set))
        paths = {EAST_WEST: Path(*ends, SERVER), RULES: Path(*ends, SERVER), NAT: Path(ends[0], world, "203.0.113.1")}
        return {scenario: paths[scenario] for scenario in self.against}

    def version(self):
        return run("nft", "--version").strip()


class Many(Nftables):
    name, title, place = "nftables-many", f"nftables, {policy.MANY:,} rules one by one", 11
    against = {RULES: "nftables"}
    count = policy.MANY


class ManyInSet(Many):
    name, title, place = "nftables-set", f"nftables, {policy.MANY:,} rules as a set", 12
    as_set = True


WAYS = [Nftables, Many, ManyInSet]
