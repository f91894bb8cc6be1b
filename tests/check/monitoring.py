#!/usr/bin/env python3
"""Alert rules, dashboard and manual name the metrics that the daemon has, and the manual names them all."""

import json
import pathlib
import re
import sys

import yaml

ROOT = pathlib.Path(sys.argv[1])
METRIC = re.compile(r"\btierwall_[a-z_]+[a-z]\b")
OF_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")


def printed_by_daemon():
    """Metric names are the literals of that file; what is no metric does not begin like one."""
    source = (ROOT / "daemon/metrics/node_metrics.cc").read_text()
    return set(re.findall(r'"(tierwall_[a-z_]+)"', source))


def expressions():
    """Where a metric is asked for, and the expression."""
    rules = yaml.safe_load((ROOT / "packaging/monitoring/alerts.yaml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            for part in ("summary", "description"):
                if not rule["annotations"].get(part):
                    yield f"alert {rule['alert']}", f"tierwall_no_{part}"
            yield f"alert {rule['alert']}", rule["expr"]
    dashboard = json.loads((ROOT / "packaging/monitoring/dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield f"panel {panel['title']}", target["expr"]
    for variable in dashboard["templating"]["list"]:
        yield f"variable {variable['name']}", variable["query"]


def main():
    known = printed_by_daemon()
    faults = []
    for place, expression in expressions():
        for name in METRIC.findall(expression):
            if name not in known and OF_HISTOGRAM.sub("", name) not in known:
                faults.append(f"{place}: the daemon has no {name}")
    manual = set(METRIC.findall((ROOT / "packaging/man/tierwall.1.scd").read_text().replace("\\", "")))
    faults += [f"tierwall(1): {name} is missing" for name in sorted(known - manual)]
    faults += [f"tierwall(1): the daemon has no {name}" for name in sorted(manual - known)
               if OF_HISTOGRAM.sub("", name) not in known]
    print(f"monitoring: {len(known)} metrics, {len(faults)} faults")
    for fault in faults:
        print(fault)
    return 1 if faults or len(known) < 10 else 0


sys.exit(main())
