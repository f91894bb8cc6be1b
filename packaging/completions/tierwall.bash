# bash completion for tierwall(1)

_tierwall_names() {
  # The pods of a running daemon; silent without one.
  tierwall get endpoints -o name 2>/dev/null
}

_tierwall_things() {
  case $1 in
    policy) tierwall get policies -o name 2>/dev/null ;;
    tier | endpoint | hostendpoint | set) tierwall get "${1}s" -o name 2>/dev/null ;;
  esac
}

_tierwall_end() {
  local cur=$1
  case $cur in
    host:*) compopt -o nospace ;; # interfaces of the node that is meant, which need not be this one
    pod:*) mapfile -t COMPREPLY < <(compgen -W "$(_tierwall_names)" -- "${cur#pod:}") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "pod: ip: host host:" -- "$cur"); compopt -o nospace ;;
  esac
}

_tierwall_outputs() {
  case $1 in
    explain) echo "text json jsonl" ;;
    compile) echo "nft json" ;;
    matrix) echo "text json dot svg" ;;
    get) echo "text wide json yaml name" ;;
    status | describe) echo "text json yaml" ;;
    drops | flows) echo "text json jsonl" ;;
    *) echo "text json" ;;
  esac
}

_tierwall_options() {
  case $1 in
    check) echo "-f --file --tie-break" ;;
    explain) echo "-f --file --from --to --proto --dport --sport --icmp --family --line --node --flows --verify --tie-break --pending --socket --config --state" ;;
    matrix) echo "-f --file -n --namespace --proto --dport --icmp --family --most --tie-break --socket --config --state" ;;
    compile) echo "-f --file --node --pod-cidr --tie-break" ;;
    test) echo "-f --file --node --tie-break" ;;
    status) echo "-w --watch --interval --socket" ;;
    get) echo "-w --watch --interval --socket --no-legend" ;;
    describe) echo "--socket --config --state" ;;
    top) echo "-n --number --interval --once --socket --no-legend" ;;
    drops) echo "-w --follow -n --last --since --from-pod --to-pod --pod --from-ip --to-ip --to-port --proto --direction --policy --socket --state --no-legend" ;;
    flows) echo "-w --follow --for -n --last --from-pod --to-pod --pod --from-ip --to-ip --to-port --proto --verdict --policy --socket --config --state --no-legend" ;;
    trace) echo "--from --to --proto --dport --family --for -n --packets --socket --config --state" ;;
    doctor) echo "--all --socket --config --state" ;;
    bundle) echo "--write --socket --config --state" ;;
    diff) echo "-f --file --base --name --prune --node --socket --config --state" ;;
    simulate) echo "-f --file --name --prune --socket --config --state" ;;
    apply) echo "-f --file --name --prune --confirm --socket" ;;
    rollback) echo "--confirm --socket" ;;
    history) echo "-n --number --state --socket" ;;
    kubeconfig) echo "--server --ca --token --certificate --key --write --group" ;;
    *) echo "--socket" ;;
  esac
}

_tierwall() {
  # Endpoints hold colons, which readline takes for word ends; COMP_WORDS is put together again where the helper exists.
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
  if declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref -n : cur prev words cword
  fi
  local verb=${words[1]:-}
  COMPREPLY=()

  if ((cword == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "check explain matrix compile test status get describe top drops flows trace metrics doctor bundle diff simulate apply confirm release rollback history kubeconfig --help --version" -- "$cur")
    return
  fi
  case $prev in
    -f | --file | --base | --flows | --socket | --state | --ca | --token | --certificate | --key | --write) compopt -o default; return ;;
    -o | --output) mapfile -t COMPREPLY < <(compgen -W "$(_tierwall_outputs "$verb")" -- "$cur"); return ;;
    --from | --to) _tierwall_end "$cur"; return ;;
    --from-pod | --to-pod | --pod) mapfile -t COMPREPLY < <(compgen -W "$(_tierwall_names)" -- "$cur"); return ;;
    --verdict) mapfile -t COMPREPLY < <(compgen -W "allow deny" -- "$cur"); return ;;
    --direction) mapfile -t COMPREPLY < <(compgen -W "ingress egress" -- "$cur"); return ;;
    --proto) mapfile -t COMPREPLY < <(compgen -W "tcp udp sctp icmp icmpv6 udplite" -- "$cur"); return ;;
    --tie-break) mapfile -t COMPREPLY < <(compgen -W "calico-3.32 calico-3.31" -- "$cur"); return ;;
    --family) mapfile -t COMPREPLY < <(compgen -W "4 6" -- "$cur"); return ;;
    --color) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$cur"); return ;;
    --group) mapfile -t COMPREPLY < <(compgen -g -- "$cur"); return ;;
    --confirm) mapfile -t COMPREPLY < <(compgen -W "60s 5min 10min" -- "$cur"); return ;;
    -n | --number | --name | --prune | --dport | --sport | --icmp | --node | --pod-cidr | --server) return ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_tierwall_options "$verb") -o --output --color --help" -- "$cur")
  elif [[ $verb == get ]]; then
    mapfile -t COMPREPLY < <(compgen -W "tiers policies endpoints hostendpoints failsafes sets flows" -- "$cur")
  elif [[ $verb == describe && $cword == 2 ]]; then
    mapfile -t COMPREPLY < <(compgen -W "tier policy endpoint hostendpoint set" -- "$cur")
  elif [[ $verb == describe && $cword == 3 ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_tierwall_things "${words[2]}")" -- "$cur")
  elif [[ $verb == history ]]; then
    mapfile -t COMPREPLY < <(compgen -W "show" -- "$cur")
  elif [[ $verb == apply || $verb == diff || $verb == simulate || $verb == test || $verb == check || $verb == explain || $verb == compile ]]; then
    compopt -o default
  fi
}

complete -F _tierwall tierwall
