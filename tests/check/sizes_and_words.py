#!/usr/bin/env python3
"""Fails on files over the hard size limits and on words the style rules out.

 - .h over 350 lines, .cc over 800 lines (tests: 1200)
 - file names that say nothing (manager, helper, util, ...)
 - policy/ speaking nftables (accept, drop, jump), or unfinished work left in words
Usage: sizes_and_words.py REPOSITORY
"""
import pathlib
import re
import sys

LIMITS = {".h": 350, ".cc": 800}
TEST_LIMIT = 1200
EMPTY_NAMES = re.compile(r"(manager|handler|helper|util|common|misc|processor)")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b|not implemented")
NFT_WORDS = re.compile(r"\b(accept|drop|jump)(s|ed|ping)?\b", re.IGNORECASE)


def check(root: pathlib.Path, source: pathlib.Path) -> list:
    path = source.relative_to(root).as_posix()
    lines = source.read_text().splitlines()
    limit = TEST_LIMIT if path.startswith("tests/") else LIMITS[source.suffix]
    found = [f"{path}: {len(lines)} lines, more than {limit}"] if len(lines) > limit else []
    if EMPTY_NAMES.search(source.name):
        found.append(f"{path}: the name says nothing about what is inside")
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            found.append(f"{path}:{number}: unfinished work: {line.strip()}")
        if path.startswith("policy/") and NFT_WORDS.search(line):
            found.append(f"{path}:{number}: policy/ does not speak nftables: {line.strip()}")
    return found


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    sources = [
        source
        for folder in ("policy", "nft", "systemd", "daemon", "tests")
        for source in sorted((root / folder).rglob("*"))
        if source.suffix in LIMITS
    ]
    found = [line for source in sources for line in check(root, source)]
    print("\n".join(found + [f"sizes and words: {len(sources)} files, {len(found)} remarks"]))
    return 1 if found or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
