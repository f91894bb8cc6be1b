# The Debian 12 packages that building, linting and testing need: one list for every script. Sourced, not run.

build_packages=(
  cmake ninja-build g++ pkg-config
  libnftnl-dev libmnl-dev libsystemd-dev libtomlplusplus-dev libyaml-cpp-dev libfmt-dev libcli11-dev nlohmann-json3-dev
  libcurl4-openssl-dev libsimdjson-dev libsqlite3-dev libnetfilter-log-dev libarchive-dev libmicrohttpd-dev
  libgtest-dev libgmock-dev            # the lab, which quickstart runs, is a test library
  libssl-dev libnghttp2-dev zlib1g-dev # the fake API server: configured with the rest, built for the tests only
  nftables iproute2 netbase            # nft and ip: used by the lab and the tests, never by the product
)
test_packages=(
  python3 python3-yaml python3-jsonschema # tests/check
  systemd                              # systemd-analyze reads the units
  systemd-container mmdebstrap iputils-ping         # tests/system boots guests
  debhelper dh-apparmor dpkg-dev lintian scdoc fakeroot # and builds the package that they install
  zsh fish                             # the completions are tried in their shells
  iptables                             # a proxy's rules beside ours, in iptables-nft
)
lint_packages=(
  clang clang-format clang-tidy libclang-rt-14-dev
)

# install_packages NAME...: installs what is missing, and says so.
install_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -eq 0 ] && { echo "all packages are here"; return; }
  [ "$(id -u)" = 0 ] || { echo "these packages are missing and only root can install them: ${missing[*]}" >&2; exit 1; }
  echo "installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
