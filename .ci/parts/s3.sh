# S3: versitygw over a folder of this machine, with versioning, so that what `ops site put` replaces can be had back.
# shellcheck shell=bash

S3_PORT=17070
VERSITYGW_VERSION=v1.8.0
VERSITYGW=$CACHE/versitygw-$VERSITYGW_VERSION/versitygw

s3_where() { echo "127.0.0.1:$S3_PORT"; }
s3_env() {
    echo "export S3_ENDPOINT='http://127.0.0.1:$S3_PORT' S3_ACCESS_KEY='leadlog' S3_SECRET_KEY='leadlogsecret' S3_BUCKET='landing-media'"
}

s3_install() { go_install versitygw "$VERSITYGW_VERSION" github.com/versity/versitygw/cmd/versitygw; }

# The health path is no bucket's: "_" can't be one's name.
s3_start() {
    [[ -x $VERSITYGW ]] || die "versitygw is not installed: .ci/services install s3"
    if ! is_running s3; then
        need_port s3 "$S3_PORT"
        mkdir -p "$STATE/s3/buckets" "$STATE/s3/versions"
        ROOT_ACCESS_KEY=leadlog ROOT_SECRET_KEY=leadlogsecret spawn s3 "$VERSITYGW" --quiet --port "127.0.0.1:$S3_PORT" \
            --health /_/health posix --versioning-dir "$STATE/s3/versions" "$STATE/s3/buckets"
    fi
    wait_ready s3 60 s3_answers
}

s3_answers() (
    exec 3<>"/dev/tcp/127.0.0.1/$S3_PORT"
    printf 'GET /_/health HTTP/1.0\r\n\r\n' >&3
    read -r -t 5 line <&3
    [[ $line == *' 200 '* ]]
)

s3_status() { is_running s3; }
s3_stop() { halt TERM s3; }

s3_clean() {
    halt KILL s3
    rm -rf "$STATE/s3"
}
