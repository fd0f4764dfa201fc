"""What Madang is held to. Each bar is a ratio of two ways' figures in the same round."""

import typing

from ways import EAST_WEST, NAT, RULES


class Bar(typing.NamedTuple):
    title: str
    measure: str
    over: tuple
    under: tuple
    limit: float
    at_least: bool

    def verdict(self, ratio):
        """By the median, and whether the bar is where the median may well be."""
        good = ratio["median"] >= self.limit if self.at_least else ratio["median"] <= self.limit
        sure = not ratio["low"] < self.limit < ratio["high"]
        return ("reached" if good else "not reached") + ("" if sure else ", within the noise")

    def words(self):
        return f"{'at least' if self.at_least else 'at most'} {self.limit:g}"


VETH, MADANG, OUT = ("veth", EAST_WEST), ("madang", EAST_WEST), ("madang", NAT)
NFTABLES, MANY = ("nftables", EAST_WEST), ("madang-many", RULES)
BARS = [
    Bar("CPU, east-west", "cpu", MADANG, VETH, 1.25, False),
    Bar("CPU, source NAT", "cpu", OUT, VETH, 1.35, False),
    Bar("CPU of nftables against Madang's", "cpu", NFTABLES, MADANG, 1.9, True),
    Bar("UDP packets a second", "pps", MADANG, VETH, 0.90, True),
    Bar("TCP stream", "stream", MADANG, VETH, 0.92, True),
    Bar("connect, ask and close", "connect", MADANG, VETH, 0.92, True),
    Bar("CPU, 10,000 rules against 10", "cpu", MANY, MADANG, 1.05, False),
    Bar("UDP packets, 10,000 rules against 10", "pps", MANY, MADANG, 0.95, True),
    Bar("TCP stream, 10,000 rules against 10", "stream", MANY, MADANG, 0.95, True),
    Bar("connect, 10,000 rules against 10", "connect", MANY, MADANG, 0.95, True),
]
