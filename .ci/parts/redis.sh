# Redis 7 from Debian's package, appending, and never evicting: the dedup view is state, not a cache.
# shellcheck shell=bash

REDIS_PORT=16379

redis_where() { echo "127.0.0.1:$REDIS_PORT"; }
redis_env() { echo "export REDIS_URL='redis://127.0.0.1:$REDIS_PORT/0'"; }

redis_install() { apt_install redis-server redis-tools; }

redis_start() {
    command -v redis-server >/dev/null || die "redis is not installed: .ci/services install redis"
    if ! is_running redis; then
        need_port redis "$REDIS_PORT"
        mkdir -p "$STATE/redis"
        spawn redis redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --dir "$STATE/redis" \
            --appendonly yes --save '' --rdbcompression no --maxmemory-policy noeviction
    fi
    wait_ready redis 60 redis_answers
}

# While it loads its file Redis accepts connections and answers LOADING.
redis_answers() { redis-cli -p "$REDIS_PORT" ping | grep -qx PONG; }

redis_status() { is_running redis; }
redis_stop() { halt TERM redis; }

redis_clean() {
    halt KILL redis
    rm -rf "$STATE/redis"
}
