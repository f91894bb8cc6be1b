#!/usr/bin/env python3
"""Figures of the benchmarks, one JSON object per line on standard input -> a table beside the targets there are."""
import json
import sys

# Of which figure, on which shape (fields that must be equal; none: on every shape), which field, and its bound.
TARGETS = [
    ("pod of another node to committed", {"pods": 10000, "policies": 1000}, "p50_us", "< 500"),
    ("pod of another node to committed", {"pods": 10000, "policies": 1000}, "p99_us", "< 2000"),
    ("pod of this node comes or goes to committed", {"pods": 10000, "policies": 1000}, "p50_us", "< 500"),
    ("pod of this node comes or goes to committed", {"pods": 10000, "policies": 1000}, "p99_us", "< 2000"),
    ("policy that selects every pod of this node to committed", {"pods": 10000, "policies": 1000}, "p99_us", "< 20000"),
    ("first packet", {"compiled": "flat"}, "added_ns", "< 1000"),
    ("cold start: objects in memory to committed", {"pods": 10000, "policies": 1000}, "p50_us", "< 500000"),
    ("cold start: objects in memory to committed", {"pods": 100000, "policies": 5000}, "p50_us", "< 3000000"),
    ("restore: exec to rules in the kernel", {"state": "of an earlier boot"}, "p99_us", "< 100000"),
    ("first full read", {"pods": 10000}, "resident_mib", "< 40"),
    ("first full read", {"pods": 100000}, "resident_mib", "< 120"),
    ("decode: to events", {"piece_bytes": 16384}, "mb_per_s", "> 300"),
    ("decode: to events", {"piece_bytes": 262144}, "mb_per_s", "> 300"),
]
SHAPE = ("state", "body", "shape", "rules", "compiled", "chains", "pods", "policies", "local_pods", "objects", "document_bytes", "piece_bytes")
LEFT_OUT = ("what", "runs", "bytes", "max_us", "cpu_p50_us", "cpu_p99_us") + SHAPE


def target_of(row: dict, field: str) -> str:
    for what, shape, of_field, bound in TARGETS:
        if row["what"] == what and field == of_field and all(row.get(key) == value for key, value in shape.items()):
            value = float(bound.split()[1])
            met = row[field] < value if bound.startswith("<") else row[field] > value
            return bound if met else f"{bound}  MISSED"
    return ""


def main() -> None:
    lines = [("what", "shape", "figure", "measured", "target")]
    for row in map(json.loads, filter(str.strip, sys.stdin)):
        shape = " ".join(f"{key}={row[key]}" for key in SHAPE if key in row)
        for field in (key for key in row if key not in LEFT_OUT):
            lines.append((row["what"], shape, field, f"{row[field]:g}", target_of(row, field)))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())


if __name__ == "__main__":
    main()
