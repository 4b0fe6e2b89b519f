# MongoDB's protocol: FerretDB over PostgreSQL with DocumentDB, since mongod is in no package registry.
# DocumentDB is packaged for Debian sid alone, so its PostgreSQL lives in a chroot of sid.
# shellcheck shell=bash

FERRETDB_VERSION=v2.7.0
FERRETDB=$CACHE/ferretdb-$FERRETDB_VERSION/ferretdb
DOCUMENTDB_ROOT=$CACHE/documentdb-sid
DOCUMENTDB_BIN=/usr/lib/postgresql/18/bin
DOCUMENTDB_DATA=/srv/data
DOCUMENTDB_PORT=15499
MONGO_PORT=27117
IN_CHROOT=$(dirname "${BASH_SOURCE[0]}")/in-chroot

mongo_where() { echo "127.0.0.1:$MONGO_PORT"; }
mongo_env() {
    echo "export MONGODB_URI='mongodb://127.0.0.1:$MONGO_PORT/leadlog'"
    # For ops/faults, which runs a FerretDB of its own, to freeze it.
    echo "export FERRETDB='$FERRETDB' DOCUMENTDB_URL='postgres://postgres@127.0.0.1:$DOCUMENTDB_PORT/postgres'"
}

mongo_install() {
    local documentdb ferretdb
    apt_install debootstrap postgresql-client
    mongo_install_documentdb &
    documentdb=$!
    go_install ferretdb "$FERRETDB_VERSION" github.com/FerretDB/FerretDB/v2/cmd/ferretdb &
    ferretdb=$!
    wait "$documentdb"
    wait "$ferretdb"
}

mongo_install_documentdb() {
    local partial=$DOCUMENTDB_ROOT.partial
    [[ -d $DOCUMENTDB_ROOT ]] && return 0
    rm -rf "$partial"
    # Its own mounts end with it, see in-chroot.
    unshare --mount --propagation private debootstrap --variant=minbase sid "$partial" "$(debian_mirror)"
    # No daemon starts while packages are installed; none of it is worth an fsync, a cut-short one is thrown away.
    printf '#!/bin/sh\nexit 101\n' >"$partial/usr/sbin/policy-rc.d"
    chmod +x "$partial/usr/sbin/policy-rc.d"
    echo force-unsafe-io >"$partial/etc/dpkg/dpkg.cfg.d/unsafe-io"
    # A mirror's Release file of sid can be out of date, which apt refuses.
    in_documentdb "$partial" apt-get -o Acquire::Check-Valid-Until=false update
    in_documentdb "$partial" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends postgresql-18-documentdb
    rm -rf "$partial"/var/cache/apt/archives/*.deb "$partial"/var/lib/apt/lists/*
    mv "$partial" "$DOCUMENTDB_ROOT"
}

# debian_mirror prints the mirror that this machine's apt uses; empty lets debootstrap take its own default.
debian_mirror() {
    # shellcheck disable=SC2016 # apt expands it
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | grep '/debian/\?$' | sed -n 1p
}

# in_documentdb ROOT COMMAND... runs COMMAND as root in the chroot, with the state's folder in it.
in_documentdb() {
    local root=$1
    shift
    mkdir -p "$STATE/documentdb"
    "$IN_CHROOT" "$root" "$STATE/documentdb" "$DOCUMENTDB_DATA" "$@"
}

mongo_start() {
    [[ -x $FERRETDB && -d $DOCUMENTDB_ROOT ]] || die "mongo is not installed: .ci/services install mongo"
    documentdb_start
    ferretdb_start
}

documentdb_start() {
    [[ -e $STATE/documentdb/initialised ]] || documentdb_init
    if ! is_running documentdb; then
        need_port documentdb "$DOCUMENTDB_PORT"
        rm -f "$STATE/documentdb/pg/postmaster.pid" # see postgres_start
        spawn documentdb "$IN_CHROOT" "$DOCUMENTDB_ROOT" "$STATE/documentdb" "$DOCUMENTDB_DATA" \
            "${AS_POSTGRES[@]}" "$DOCUMENTDB_BIN/postgres" -D "$DOCUMENTDB_DATA/pg"
    fi
    wait_ready documentdb 60 documentdb_sql 'SELECT 1'
    documentdb_sql 'CREATE EXTENSION IF NOT EXISTS documentdb CASCADE'
}

documentdb_sql() { psql -qAt -h 127.0.0.1 -p "$DOCUMENTDB_PORT" -U postgres -d postgres -c "$1"; }

documentdb_init() {
    rm -rf "$STATE/documentdb"
    in_documentdb "$DOCUMENTDB_ROOT" install -d -o postgres -g postgres -m 0700 "$DOCUMENTDB_DATA/pg"
    in_documentdb "$DOCUMENTDB_ROOT" "${AS_POSTGRES[@]}" \
        "$DOCUMENTDB_BIN/initdb" -D "$DOCUMENTDB_DATA/pg" -U postgres -A trust -E UTF8 --locale=C.UTF-8
    cat >>"$STATE/documentdb/pg/postgresql.conf" <<CONF
port = $DOCUMENTDB_PORT
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 256MB
max_wal_size = 4GB
shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'
cron.database_name = 'postgres'
cron.host = '127.0.0.1'
CONF
    touch "$STATE/documentdb/initialised"
}

ferretdb_start() {
    if ! is_running ferretdb; then
        need_port mongo "$MONGO_PORT"
        mkdir -p "$STATE/ferretdb"
        spawn ferretdb env DO_NOT_TRACK=1 "$FERRETDB" --listen-addr="127.0.0.1:$MONGO_PORT" \
            --postgresql-url="postgres://postgres@127.0.0.1:$DOCUMENTDB_PORT/postgres" \
            --no-auth --debug-addr=- --state-dir="$STATE/ferretdb" --telemetry=disable --log-level=warn
    fi
    wait_ready ferretdb 60 port_open "$MONGO_PORT"
}

mongo_status() { is_running documentdb && is_running ferretdb; }

mongo_stop() {
    halt TERM ferretdb
    halt INT documentdb
}

mongo_clean() {
    halt KILL ferretdb
    halt QUIT documentdb
    rm -rf "$STATE/documentdb" "$STATE/ferretdb"
}
