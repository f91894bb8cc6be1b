# A booted Debian with systemd as its first process, for tests/system/life. Sourced, inside the namespaces that
# tests/system/run makes: whatever happens here vanishes with them.
#
# A guest has the tree below it, what it wrote since (its disk, which survives a reboot), and a network namespace with
# one link, eth0, whose other end is `peer` here. A reboot gives it a new network namespace: a kernel that knows nothing.

guest_network=node
guest_address=10.99.0.2
peer_address=10.99.0.1
guest_mac=02:00:00:99:00:02

# guest_disk TREE: an empty disk over the tree.
guest_disk() {
  mkdir -p /run/tierwall-guest
  mount -t tmpfs tmpfs /run/tierwall-guest
  mkdir -p /run/tierwall-guest/{root,written,work}
  mount -t overlay overlay -o "lowerdir=$1,upperdir=/run/tierwall-guest/written,workdir=/run/tierwall-guest/work" \
    /run/tierwall-guest/root
  guest_root=/run/tierwall-guest/root
}

# The namespaces of this test have their own of what systemd-nspawn needs, too: a pure cgroup2 tree, and /run/systemd.
guest_host() {  # CGROUP
  umount -R -l /sys/fs/cgroup
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mkdir -p "/sys/fs/cgroup/$1"
  echo 0 >"/sys/fs/cgroup/$1/cgroup.procs"
  mkdir -p /run/systemd /run/netns
  mount -t tmpfs tmpfs /run/systemd
  mount -t tmpfs tmpfs /run/netns
  ip link set lo up
}

# guest_link: a new network namespace with a link that is down, as a machine finds it.
guest_link() {
  ip link del peer 2>/dev/null || true
  ip netns del "$guest_network" 2>/dev/null || true
  ip netns add "$guest_network"
  ip link add peer type veth peer name eth0 address "$guest_mac" netns "$guest_network"
  ip address add "$peer_address/24" dev peer
  ip link set peer up
  # The peer asks for no address first: its packets are there as soon as the link is.
  ip neighbour replace "$guest_address" lladdr "$guest_mac" dev peer nud permanent
}

guest_boot() {
  systemd-nspawn --quiet --directory="$guest_root" --machine=tierwall-test --register=no --keep-unit --boot \
    --console=read-only --link-journal=no --kill-signal=SIGRTMIN+3 --capability=CAP_NET_ADMIN \
    --network-namespace-path="/run/netns/$guest_network" </dev/null >>/run/tierwall-guest/console 2>&1 &
  guest_nspawn=$!
  guest_init=""
  local child
  for _ in $(seq 1000); do
    kill -0 "$guest_nspawn" 2>/dev/null || { tail -20 /run/tierwall-guest/console >&2; die "the guest does not boot"; }
    for child in $(cat "/proc/$guest_nspawn/task/$guest_nspawn/children"); do
      [ "$(awk '/^NSpid/ {print $NF}' "/proc/$child/status" 2>/dev/null)" = 1 ] || continue
      [ -S "/proc/$child/root/run/systemd/private" ] && guest_init=$child && break 2
    done
    sleep 0.02
  done
  [ -n "$guest_init" ] || die "the guest does not boot"
  guest_state=$(guest systemctl is-system-running --wait || true)
}

# guest COMMAND...: runs it in the guest as root; the exit status passes through.
guest() {
  nsenter --target "$guest_init" --mount --uts --ipc --net --pid --cgroup --root --wdns=/ -- \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root SYSTEMD_PAGER= SYSTEMD_COLORS=0 \
    DEBIAN_FRONTEND=noninteractive "$@"
}

# The first process of the guest is asked to power off; waits until it has.
guest_poweroff() {
  kill -s RTMIN+4 "$guest_init"
  for _ in $(seq 300); do
    kill -0 "$guest_nspawn" 2>/dev/null || { wait "$guest_nspawn" || true; return 0; }
    sleep 0.05
  done
  die "the guest does not power off"
}
