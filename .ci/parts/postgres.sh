# PostgreSQL 15 from Debian's package, with a data folder of its own.
# shellcheck shell=bash

POSTGRES_BIN=/usr/lib/postgresql/15/bin
POSTGRES_PORT=15432

postgres_where() { echo "127.0.0.1:$POSTGRES_PORT"; }
postgres_url() { echo "postgres://leadlog:leadlog@127.0.0.1:$POSTGRES_PORT/${1:-leadlog}?sslmode=disable"; }
postgres_env() { echo "export DATABASE_URL='$(postgres_url)'"; }

postgres_install() { apt_install postgresql-15; }

# Runs a command as the package's user: PostgreSQL refuses root. The one capability lets it come through parents
# that only root may enter (the state folder is under root's home by default).
AS_POSTGRES=(setpriv --reuid=postgres --regid=postgres --clear-groups
    --inh-caps=+dac_read_search --ambient-caps=+dac_read_search)

postgres_start() {
    [[ -x $POSTGRES_BIN/postgres ]] || die "postgres is not installed: .ci/services install postgres"
    [[ -e $STATE/postgres/initialised ]] || postgres_init
    if ! is_running postgres; then
        need_port postgres "$POSTGRES_PORT"
        # Left by a machine that went down; PostgreSQL refuses to start when some process has that pid by now.
        rm -f "$STATE/postgres/data/postmaster.pid"
        spawn postgres "${AS_POSTGRES[@]}" "$POSTGRES_BIN/postgres" -D "$STATE/postgres/data"
    fi
    # The database comes after the start, so it is looked for at every start: one cut short here is made whole.
    wait_ready postgres 60 psql -qd "$(postgres_url postgres)" -c 'SELECT 1'
    postgres_has_database || psql -qd "$(postgres_url postgres)" -c 'CREATE DATABASE leadlog'
}

postgres_has_database() {
    psql -Atqd "$(postgres_url postgres)" -c "SELECT 1 FROM pg_database WHERE datname = 'leadlog'" | grep -qx 1
}

postgres_init() {
    rm -rf "$STATE/postgres"
    install -d "$STATE/postgres"
    install -d -o postgres -g postgres -m 0700 "$STATE/postgres/data"
    # A password, though this is loopback: with trust no test could see what a wrong one does.
    (cd "$STATE/postgres/data" && "${AS_POSTGRES[@]}" "$POSTGRES_BIN/initdb" -D "$STATE/postgres/data" -U leadlog \
        -A scram-sha-256 --pwfile=<(echo leadlog) -E UTF8 --locale=C.UTF-8)
    cat >>"$STATE/postgres/data/postgresql.conf" <<CONF
port = $POSTGRES_PORT
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 1GB
max_wal_size = 4GB
max_connections = 200
CONF
    touch "$STATE/postgres/initialised"
}

postgres_status() { is_running postgres; }

# SIGINT is PostgreSQL's fast shutdown: SIGTERM waits for clients to leave.
postgres_stop() { halt INT postgres; }

postgres_clean() {
    halt QUIT postgres
    rm -rf "$STATE/postgres"
}
