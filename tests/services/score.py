#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Compares what `unfreed why` or `unfreed heap` found in a service with the service's own truth.

A leak is found where it stands among the first N findings of N leaks, known by a name of its
container or by the line that is put forward as filling it, and not as something that ends by
itself. A cache that behaves must not be called a leak, and one that is full not stand before a
leak. What is found twice counts once, and growth that is said to be unexplained takes no place;
whatever else stands before a leak does.
"""
import argparse
import json
import os
import pathlib
import re
import sys

LEAK = "leak"
GROWS = "grows, no bound seen"
PASSING_SHARE = 0.9
RIGHT_SHARES = (0.7, 1.5)  # what a container's own slots take is not in its account


def name_matches(name, wanted):
    """Whether a printed name says the wanted one, whole: `leaks.CHAIN` is in `leaks.CHAIN.head`
    and in `Chain.head of leaks.CHAIN`, and not in `leaks.CHAINS`."""
    return re.search(rf"(?<![\w.]){re.escape(wanted)}(?!\w)", name or "") is not None


def place_of(fill, directory):
    """The line that a stack puts forward, else its innermost frame of the service."""
    frames = (fill or {}).get("frames", [])
    if fill and fill.get("own") is not None:
        return frames[fill["own"]]
    own = [frame for frame in frames if os.path.dirname(frame["file"] or "") == directory]
    return own[0] if own else None


def named(finding, subject):
    name = (finding.get("container") or {}).get("name")
    return any(name_matches(name, wanted) for wanted in subject["containers"])


def filled(finding, subject):
    """Whether a line of the subject is put forward; several caches may share one."""
    lines = {(place["file"], place["line"]) for place in subject["places"]}
    for fill in [*(finding.get("filled_by") or [])[:1], finding.get("stack")]:
        frame = place_of(fill, os.path.dirname(subject["places"][0]["file"]))
        if frame and (frame["file"], frame["line"]) in lines:
            return True
    return False


def findings_of(report):
    """Of either schema, most accused first. What `heap` sees grow has no verdict."""
    if report["schema"] == "unfreed/why/1":
        return report["findings"]
    growth = report.get("growth") or {}
    return [{"verdict": None, "container": container} for container in growth.get("containers", [])]


def takes_place(finding):
    return finding.get("verdict") != "unexplained"


def outline(finding):
    """A finding in short, for people."""
    container = finding.get("container") or {}
    fills = (finding.get("filled_by") or [])[:1]
    return json.dumps([finding.get("verdict"), container.get("name") or finding.get("subject"),
                       *(f"{frame['file']}:{frame['line']}" for fill in fills
                         for frame in fill["frames"][:1])])  # fmt: skip


class Score:
    """`leaks` and `caches`: {name: {"rank" from 1 or None, "by", "verdict"}}; `strangers`: findings
    about neither that stand before the last leak found; `repeats`: those about what stands there
    already. As text: a line for each, `!` where it is wrong, with what was seen of a leak's true
    rate, then strangers (`?`) and repeats (`=`)."""

    def __init__(self, truth, report):
        self.truth = truth
        self.leaks = {name: dict(rank=None, by=None, verdict=None) for name in truth["leaks"]}
        self.caches = {name: dict(rank=None, by=None, verdict=None) for name in truth["caches"]}
        self.strangers, self.repeats = [], []
        rank = 0
        for finding in filter(takes_place, findings_of(report)):
            row, by = self.row_of(finding)
            if row and row["rank"]:
                self.repeats.append(finding)
                continue
            rank += 1
            if row is None:
                self.strangers.append((rank, finding))
                continue
            row.update(rank=rank, by=by, verdict=finding.get("verdict"),
                       bytes_per_hour=finding.get("bytes_per_hour"))
        last = max((row["rank"] or 0 for row in self.leaks.values()), default=0)
        self.strangers = [finding for rank, finding in self.strangers if rank < last]

    def row_of(self, finding):
        """The leak or cache that a finding is about, and how it shows: its container's name counts
        more than the line."""
        for by, is_about in (("container", named), ("line", filled)):
            for kind, rows in (("leaks", self.leaks), ("caches", self.caches)):
                for name, subject in self.truth[kind].items():
                    if is_about(finding, subject):
                        return rows[name], by
        return None, None

    @property
    def found(self):
        return [name for name, row in self.leaks.items()
                if row["rank"] and row["rank"] <= len(self.leaks)
                and row["verdict"] in (LEAK, GROWS, None)]

    @property
    def missed(self):
        return sorted(set(self.leaks) - set(self.found))

    @property
    def accused(self):
        """Caches that are called leaks."""
        return [name for name, row in self.caches.items() if row["verdict"] == LEAK]

    @property
    def before_leaks(self):
        """Caches that are full and stand before a leak."""
        last = max((row["rank"] or 0 for row in self.leaks.values()), default=0)
        return [name for name, row in self.caches.items()
                if self.truth["caches"][name]["full"] and row["rank"] and row["rank"] < last]

    @property
    def passes(self):
        enough = len(self.found) >= PASSING_SHARE * len(self.leaks)
        return enough and not self.accused and not self.before_leaks

    def __str__(self):
        lines = [f"{len(self.found)} of {len(self.leaks)} leaks found"]
        for kind, rows in (("leak", self.leaks), ("cache", self.caches)):
            for name, row in sorted(rows.items(), key=lambda item: item[1]["rank"] or 1000):
                mark = self.mark(kind, name)
                lines.append(f"{mark} {row['rank'] or '-':>3} {kind:6}{name:12} "
                             f"{row['by'] or '':10}{self.share_of_rate(name, row) or 0:6.2f} "
                             f"{row['verdict'] or ''}")
        for mark, findings in (("?", self.strangers), ("=", self.repeats)):
            lines += [f"{mark} {outline(finding)}" for finding in findings]
        return "\n".join(lines)

    def share_of_rate(self, name, row):
        """Of the rate at which a leak has grown by its own account, how much was seen, or None."""
        leak = self.truth["leaks"].get(name)
        if not leak or not leak.get("bytes") or not row.get("bytes_per_hour"):
            return None
        return row["bytes_per_hour"] / (leak["bytes"] / self.truth["uptime_s"] * 3600)

    @property
    def misjudged(self):
        """{name: share} of the leaks whose rate is not about that of their own account, without
        those that know it only roughly."""
        shares = {name: self.share_of_rate(name, row) for name, row in self.leaks.items()}
        low, high = RIGHT_SHARES
        return {name: share for name, share in shares.items() if share is not None and not
                low <= share <= high and not self.truth["leaks"][name].get("rough")}  # fmt: skip

    def mark(self, kind, name):
        wrong = self.missed if kind == "leak" else [*self.accused, *self.before_leaks]
        return "!" if name in wrong else " "


def read_facts(pid, truth):
    """What an observer must not change; sizes in bytes."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    sizes = {name: int(size) << 10 for name, size in re.findall(r"^(\w+): +(\d+) kB", rollup, re.M)}
    return {"state": stat[0], "minor_faults": int(stat[7]), "major_faults": int(stat[9]),
            "started": int(stat[19]), "resident": sizes["Rss"], "anonymous": sizes["Anonymous"],
            "shared": sizes["Shared_Clean"] + sizes["Shared_Dirty"],
            "private": sizes["Private_Clean"] + sizes["Private_Dirty"],
            "eintr": truth["eintr"]}  # fmt: skip


def harm_done(before, after, faults=0, slack_bytes=0, mapped_bytes=0):
    """What an observer changed in a target, as sentences. `faults` and `slack_bytes`: what the
    target does by itself in such a time; `mapped_bytes`: of files, what may come beyond that."""
    found = []
    if after["started"] != before["started"] or after["state"] in "ZXT":
        found.append(f"the target is gone or stopped: {after['state']}")
    if after["eintr"] > before["eintr"]:
        found.append(f"{after['eintr'] - before['eintr']} waits of the target were disturbed")
    for name in ("minor_faults", "major_faults"):
        if after[name] - before[name] > faults:
            found.append(f"{after[name] - before[name]} {name} where it has {faults} by itself")
    if before["shared"] - after["shared"] > slack_bytes:
        found.append(f"{before['shared'] - after['shared']} shared bytes became private")
    for name, slack in (("anonymous", slack_bytes), ("resident", slack_bytes + mapped_bytes)):
        if after[name] - before[name] > slack:
            found.append(f"{after[name] - before[name]} more bytes are {name}")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("truth", type=pathlib.Path, help="JSON of a worker, as its socket tells it")
    parser.add_argument("report", type=pathlib.Path, help="JSON of `unfreed why` or `unfreed heap`")
    arguments = parser.parse_args()
    score = Score(*(json.loads(path.read_text()) for path in (arguments.truth, arguments.report)))
    print(score)
    return 0 if score.passes else 1


if __name__ == "__main__":
    sys.exit(main())
