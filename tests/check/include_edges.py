#!/usr/bin/env python3
"""Fails on an include that goes against the folder rule: policy <- nft <- daemon, systemd <- daemon.

Also on includes not written from the repository root, and on third-party headers where they do not belong.
Usage: include_edges.py REPOSITORY
"""
import pathlib
import re
import sys

FOLDERS = ("policy", "nft", "systemd", "daemon", "tests")
ALLOWED = {
    "policy": {"policy"},
    "nft": {"policy", "nft"},
    "systemd": {"systemd"},
    "daemon": {"policy", "nft", "systemd", "daemon"},
    "tests": set(FOLDERS),
}
# The standard library as far as policy/ and the pure half of nft/ may use it: nothing that touches the outside.
FORBIDDEN_STANDARD = {"iostream", "filesystem", "thread", "fstream", "mutex", "future", "chrono"}
STANDARD = re.compile(r"^[a-z_]+$")
# Third-party and system headers by place; the longest prefix counts. A header that no entry names is refused.
THIRD_PARTY = {
    "policy/": (),
    "nft/": (),
    "nft/encode": ("libnftnl/", "libmnl/", "linux/", "arpa/", "netinet/"),
    "nft/handles": ("libnftnl/", "libmnl/"),
    "nft/netlink_tables": ("libnftnl/", "libmnl/", "linux/", "arpa/", "netinet/", "sys/", "poll.h", "unistd.h"),
    "nft/netlink_trace": ("libmnl/", "linux/", "sys/", "poll.h"),
    "nft/trace_messages": ("linux/",),
    "nft/netlink_answers": ("libmnl/", "linux/", "sys/"),
    "nft/netlink_messages": ("libmnl/", "linux/"),
    "nft/counter_dump": ("linux/",),
    "nft/change_notices": ("linux/", "arpa/"),
    "nft/table_counters": ("libmnl/", "libnftnl/", "linux/"),
    "nft/table_notices": ("libmnl/", "linux/", "arpa/", "sys/"),
    "nft/print": ("netdb.h",),
    "systemd/": ("systemd/sd-", "sys/", "unistd.h", "signal.h", "syslog.h", "fcntl.h", "time.h"),
    "daemon/": ("nlohmann/", "fmt/", "CLI/", "sys/", "netinet/", "arpa/", "unistd.h", "signal.h", "syslog.h", "fcntl.h",
                "poll.h", "grp.h", "pwd.h", "dirent.h", "time.h"),
    "daemon/config": ("toml++/", "fmt/", "unistd.h", "sys/"),
    "daemon/sources/": ("fmt/", "sys/", "unistd.h", "fcntl.h", "dirent.h"),
    # The kernel's other netlink families: interfaces and sockets. nftables is nft/'s alone.
    "daemon/drops/netlink_denied_packets": ("libmnl/", "libnetfilter_log/", "linux/", "arpa/", "net/", "sys/"),
    "daemon/guard/socket_": ("fmt/", "libmnl/", "linux/", "net/", "netinet/", "sys/"),
    "daemon/guard/listening_sockets": ("libmnl/", "linux/", "netinet/", "sys/"),
    "daemon/connections/connection_messages": ("libmnl/", "linux/", "arpa/", "netinet/", "sys/"),
    "daemon/connections/netlink_connections": ("fmt/", "libmnl/", "linux/", "arpa/", "ifaddrs.h", "netinet/", "sys/"),
    "daemon/connections/netlink_connection_events": ("fmt/", "libmnl/", "linux/", "sys/"),
    "daemon/sources/interface_notices": ("libmnl/", "linux/", "net/", "netinet/", "sys/"),
    "daemon/sources/netlink_interfaces": ("libmnl/", "linux/", "net/", "netinet/", "sys/", "unistd.h"),
    "daemon/sources/read_yaml": ("yaml-cpp/",),
    "daemon/ctl/structured_text": ("yaml-cpp/",),
    "daemon/metrics/metrics_server": ("microhttpd.h", "fmt/", "netinet/", "sys/"),
    "daemon/ctl/trace_command": ("fmt/", "net/if.h"),
    "daemon/ctl/archive": ("archive.h", "archive_entry.h", "fmt/", "fcntl.h", "unistd.h"),
    "daemon/sources/kubernetes/json_block": ("emmintrin.h",),  # SSE2, which is part of x86-64
    "daemon/sources/kubernetes/read_json": ("simdjson.h", "fmt/"),
    "daemon/sources/kubernetes/curl_": ("curl/", "fmt/", "sys/", "netinet/", "fcntl.h"),
    "daemon/sources/kubernetes/server_url": ("curl/", "fmt/"),  # libcurl's reading of URLs is the one that counts
    "daemon/sources/kubernetes/kubeconfig": ("nlohmann/", "fmt/", "sys/"),
    "daemon/sources/kubernetes/exec_credential": ("nlohmann/", "fmt/", "spawn.h", "sys/", "unistd.h", "signal.h", "fcntl.h",
                                                  "poll.h"),
    "daemon/state/": ("fmt/", "sys/", "unistd.h", "fcntl.h"),
    "daemon/state/database": ("sqlite3.h", "fmt/"),
}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^">]+)[">]')


def third_party_for(path: str) -> tuple:
    best = max((prefix for prefix in THIRD_PARTY if path.startswith(prefix)), key=len)
    return THIRD_PARTY[best]


def problem(path: str, quote: str, header: str) -> str | None:
    folder = path.split("/", 1)[0]
    if quote == '"':
        target = header.split("/", 1)[0]
        if target not in FOLDERS:
            return "is not written from the repository root"
        return None if target in ALLOWED[folder] else f"{folder}/ must not include {target}/"
    if folder == "tests":
        return None
    if STANDARD.match(header):
        pure = folder == "policy" or (folder == "nft" and not path.startswith(("nft/encode", "nft/netlink", "nft/table_notices", "nft/table_counters", "nft/trace_messages", "nft/packet_trace", "nft/handles")))
        return "belongs to the outside world" if pure and header in FORBIDDEN_STANDARD else None
    if any(header.startswith(prefix) for prefix in third_party_for(path)):
        return None
    return f"is not among the headers that {path} may use"


def own_header_late(root: pathlib.Path, path: str, text: str) -> str | None:
    """A source includes its own header before anything else: that proves the header compiles alone."""
    own = path.removesuffix(".cc") + ".h"
    if not path.endswith(".cc") or not (root / own).exists():
        return None
    first = next((match[2] for line in text.splitlines() if (match := INCLUDE.match(line))), None)
    return None if first == own else f"includes {first} before its own header"


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    found = 0
    files = 0
    for folder in FOLDERS:
        for source in sorted((root / folder).rglob("*")):
            if source.suffix not in (".h", ".cc"):
                continue
            files += 1
            path = source.relative_to(root).as_posix()
            if why := own_header_late(root, path, source.read_text()):
                found += 1
                print(f"{path}: {why}")
            for number, line in enumerate(source.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                why = match and problem(path, match[1], match[2])
                if why:
                    found += 1
                    print(f"{path}:{number}: {match[2]}: {why}")
    print(f"include edges: {files} files, {found} against the rule")
    return 1 if found or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
