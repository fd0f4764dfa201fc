"""The figures as tables, in Markdown, and as a record."""

import os
import pathlib
import platform
import time

import bars
from measures import MEASURES
from stats import summary
from ways import EAST_WEST, NAT, RULES

SCENARIOS = {
    EAST_WEST: "From one namespace to another on the same host; ratios to the bare veth pair",
    NAT: "To a host outside, by source NAT; ratios to the bare veth pair",
    RULES: "10,000 rules; ratios to the same way with 10 rules",
}


class Samples:
    """What was measured: figures by round, measure and cell, which is a way and its scenario."""

    def __init__(self):
        self.taken = []
        self.by_key = {}
        self.failures = []

    def add(self, number, measure, cell, figures):
        way, scenario = cell
        self.taken.append({"round": number, "measure": measure.name, "way": way, "scenario": scenario} | figures)
        self.by_key.setdefault((measure.name, *cell), {})[number] = figures

    def failed(self, number, measure, cell, reason):
        self.failures.append(f"{measure.name} of {' '.join(cell)} in round {number}: {reason}")

    def values(self, measure, cell, figure):
        return [figures[figure] for figures in self.by_key.get((measure.name, *cell), {}).values()]

    def ratio(self, measure, over, under):
        """Round by round, of the rounds that have both; None if there are none."""
        one, other = (self.by_key.get((measure.name, *cell), {}) for cell in (over, under))
        both = [one[number][measure.figure] / other[number][measure.figure] for number in one if number in other]
        return summary(both) if both else None


def spread(figure, places, scale=1):
    return "{:,.{places}f} ({:,.{places}f}-{:,.{places}f})".format(
        *(figure[which] * scale for which in ("median", "low", "high")), places=places
    )


def draw(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("| " + " | ".join(text.ljust(width) for text, width in zip(row, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print()


def cells(scenario, ways):
    """The cells of a scenario's tables, each with the cell that it is compared with."""
    found = {}
    for way in ways:
        if scenario in way.against:
            base = (way.against[scenario], EAST_WEST)
            found.setdefault(base, base)
            found[way.name, scenario] = base
    places = {way.name: way.place for way in ways}
    return dict(sorted(found.items(), key=lambda item: places[item[0][0]]))


def table(samples, scenario, measure, ways):
    titles = {way.name: way.title for way in ways}
    rows = [[measure.title, "figure", "ratio", *(beside.title for beside in measure.beside), "bar"]]
    for cell, base in cells(scenario, ways).items():
        values = samples.values(measure, cell, measure.figure)
        if not values:
            continue
        ratio = samples.ratio(measure, cell, base) if cell != base else None
        key = (measure.name, cell, base)
        bar = next((bar for bar in bars.BARS if (bar.measure, bar.over, bar.under) == key), None)
        rows.append([
            titles[cell[0]],
            spread(summary(values), measure.places, measure.scale),
            spread(ratio, 2) if ratio else "1" if cell == base else "",
            *(format(summary(samples.values(measure, cell, beside.figure))["median"], beside.form)
              for beside in measure.beside),
            f"{bar.words()}: {bar.verdict(ratio)}" if bar and ratio else "",
        ])
    if len(rows) > 1:
        draw(rows)


def overview(samples, scenario, measures, ways):
    """A scenario in one table: figures of what is compared with, ratios of all others."""
    titles = {way.name: way.title for way in ways}
    rows = [["way", *(measure.title for measure in measures)]]
    for cell, base in cells(scenario, ways).items():
        row = [titles[cell[0]]]
        for measure in measures:
            values, ratio = samples.values(measure, cell, measure.figure), samples.ratio(measure, cell, base)
            if cell == base and values:
                row.append(f"{summary(values)['median'] * measure.scale:,.{measure.places}f}")
            else:
                row.append(spread(ratio, 2) if ratio else "")
        if any(row[1:]):
            rows.append(row)
    draw(rows)


def held_to(samples):
    rows = [["bar", "", "measured", ""]]
    for bar in bars.BARS:
        measure = next(measure for measure in MEASURES if measure.name == bar.measure)
        if ratio := samples.ratio(measure, bar.over, bar.under):
            rows.append([bar.title, bar.words(), spread(ratio, 2), bar.verdict(ratio)])
    if len(rows) > 1:
        print("## What Madang is held to\n")
        draw(rows)


def show(samples, ways, options):
    print(f"Medians; rounds, in which all took turns: {options.rounds}. In parentheses where the median lies with 95 %")
    print("(of fewer than six rounds: the least and the most). A ratio is of two figures of one round.")
    print(f"A measurement takes {options.seconds:g} s. UDP: {options.size} bytes, the fixed rate is {options.rate:,} a second.\n")
    for scenario, title in SCENARIOS.items():
        wanted = [m for m in MEASURES if any(samples.values(m, (way.name, scenario), m.figure) for way in ways)]
        if wanted:
            print(f"## {title}\n")
        for measure in wanted:
            table(samples, scenario, measure, ways)
        if len(wanted) > 1:
            overview(samples, scenario, wanted, ways)
    held_to(samples)


def machine():
    cpu = [line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
           if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "kernel": os.uname().release, "architecture": os.uname().machine, "cpu": cpu[0] if cpu else None,
        "cpus": os.cpu_count(), "memory_bytes": memory, "load_before": os.getloadavg()[0],
        "python": platform.python_version(), "time": int(time.time()),
    }


def record(samples, versions, absent, options, about):
    return {
        "machine": about,
        "versions": versions,
        "options": {name: getattr(options, name) for name in ("rounds", "seconds", "rate", "size", "br_netfilter", "only")},
        "left_out": absent,
        "failed": samples.failures,
        "samples": samples.taken,
    }
