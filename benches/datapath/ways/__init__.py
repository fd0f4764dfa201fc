"""The contenders. Each is a file here: it has a list WAYS of classes like Way, and nothing else has to know of it."""

import importlib
import pkgutil
import typing

from ground import Namespace

EAST_WEST, NAT, RULES = "east-west", "nat", "rules"


class Path(typing.NamedTuple):
    """From a client's namespace to a server's, at an address."""

    client: Namespace
    server: Namespace
    address: str


class Way:
    """How packets get from one namespace to another.

    `against` says for each scenario whose east-west path it is compared with; `set_up` makes a path for each of them,
    and leaves what it makes to the ground, which removes it. `place` is the way's place in tables.
    """

    name = title = None
    place = 0
    against: typing.ClassVar[dict] = {EAST_WEST: "veth"}

    def __init__(self, options):
        self.options = options

    def set_up(self, ground):
        """A path by scenario. Raises Absent where this way cannot be had."""
        raise NotImplementedError

    def version(self):
        """What is measured, for the record."""
        return None


def every(options):
    modules = [importlib.import_module(f"ways.{found.name}") for found in pkgutil.iter_modules(__path__)]
    return sorted((way(options) for module in modules for way in module.WAYS), key=lambda way: way.place)
