# What every part shares: folders, Debian's packages, processes with pid files, waiting until a service answers.
# Sourced by ../services; each part file then defines PART_install and PART_env, and those of
# services PART_start, PART_stop, PART_clean, PART_status and PART_where too.
# shellcheck shell=bash

CACHE=${LEADLOG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/leadlog}
STATE=${LEADLOG_STATE:-$CACHE/state}

say() { echo "services: $*" >&2; }

die() {
    say "$*"
    exit 1
}

# complain WHAT LOG says that WHAT failed, with the end of its log.
complain() {
    say "$1 FAILED; the end of $2:"
    tail -n 40 "$2" | sed 's/^/    /' >&2
}

need_root() {
    ((EUID == 0)) || die "needs root: it installs Debian packages and starts PostgreSQL as another user"
}

# apt_install PACKAGE... installs what is missing. The parts run at the same time and apt gives up at once on a lock
# that another holds, so they queue here.
apt_install() {
    local package missing=()
    for package; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    ((${#missing[@]} > 0)) || return 0
    mkdir -p "$CACHE/lock"
    (
        flock 9
        export DEBIAN_FRONTEND=noninteractive
        # A new machine has no package lists; old lists name packages that are gone. (The lists' own times are the
        # mirror's, hence the stamp.)
        [[ -n $(find "$CACHE/lock/apt-updated" -mmin -240 2>/dev/null) ]] || apt-get update
        touch "$CACHE/lock/apt-updated"
        # An install that was ended half-way leaves dpkg refusing all others.
        dpkg --configure -a 9>&-
        apt-get -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "${missing[@]}" 9>&-
    ) 9>"$CACHE/lock/apt"
}

# go_install NAME VERSION PACKAGE builds a Go program into its own folder of the cache, named by its version.
go_install() {
    local name=$1 version=$2 package=$3
    local dir=$CACHE/$name-$version
    [[ -x $dir/$name ]] && return 0
    command -v go >/dev/null || die "no go on the PATH"
    # go install replaces the binary in one rename, so a half-built one is never taken for done. Its folder is not
    # this module's: -modfile and workspaces of the caller must not leak in.
    (cd / && GOBIN=$dir GOWORK=off go install "$package@$version")
}

pid_file() { echo "$STATE/pid/$1"; }

# started_at PID prints when the process was started, in clock ticks since boot. Pids are used again, most of all
# after a restart of the machine: a pid file counts only when this matches too. The command's name in the second
# field may hold blanks, so all up to its closing parenthesis goes first; a zombie (Z) runs no more.
started_at() { sed -n '/) Z /!s/.*) //p' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# is_running NAME says whether the process of that pid file is alive.
is_running() {
    local pid start
    read -r pid start 2>/dev/null <"$(pid_file "$1")" || return 1
    [[ -n $start && $(started_at "$pid") == "$start" ]]
}

# spawn NAME COMMAND... starts a service in a session of its own, its output in STATE/log/NAME.log.
spawn() {
    local name=$1 pid
    shift
    mkdir -p "$STATE/log" "$STATE/pid"
    setsid "$@" >"$(log_file "$name")" 2>&1 </dev/null &
    pid=$!
    echo "$pid $(started_at "$pid")" >"$(pid_file "$name")"
}

log_file() { echo "$STATE/log/$1.log"; }

# halt SIGNAL NAME... asks each process to end, all at the same time, then waits; one that does not end is killed.
halt() {
    local signal=$1 name pid _
    shift
    for name; do
        is_running "$name" || continue
        read -r pid _ <"$(pid_file "$name")"
        kill -s "$signal" "$pid" || true # it may just have ended by itself
    done
    for name; do
        wait_gone "$name" 30 || {
            read -r pid _ <"$(pid_file "$name")"
            say "$name does not stop, killing it"
            kill -s KILL "$pid" || true
            wait_gone "$name" 10 || die "$name (pid $pid) can't be killed"
        }
        rm -f "$(pid_file "$name")"
    done
}

wait_gone() {
    local name=$1 deadline=$((SECONDS + $2))
    while is_running "$name"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# need_port NAME PORT refuses a port that somebody else holds: the probe would take the stranger for our service.
need_port() {
    ! port_open "$2" || die "$1: port $2 is taken by a process that this script did not start"
}

# wait_ready NAME SECONDS PROBE... waits until PROBE succeeds; a service that died or takes too long is an error.
wait_ready() {
    local name=$1 deadline=$((SECONDS + $2))
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ! is_running "$name"; then
            complain "$name ended while starting, it" "$(log_file "$name")"
            return 1
        fi
        if ((SECONDS >= deadline)); then
            complain "$name does not answer, it" "$(log_file "$name")"
            return 1
        fi
        sleep 0.2
    done
}
