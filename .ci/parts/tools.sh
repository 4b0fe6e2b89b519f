# Programs that tests, lint and benchmarks call; nothing here runs as a service.
# shellcheck shell=bash

GOLANGCI_VERSION=v2.15.0
GOLANGCI=$CACHE/golangci-lint-$GOLANGCI_VERSION/golangci-lint
LOCUST_VERSION=2.47.0
LOCUST=$CACHE/locust-$LOCUST_VERSION

tools_env() { :; }
tools_install() {
    apt_install kcat wrk
    # The race detector needs a C compiler.
    command -v cc >/dev/null || apt_install gcc libc6-dev
}

lint_env() { echo "export GOLANGCI_LINT='$GOLANGCI'"; }
lint_install() {
    apt_install shellcheck
    go_install golangci-lint "$GOLANGCI_VERSION" github.com/golangci/golangci-lint/v2/cmd/golangci-lint
}

browser_env() { :; }
browser_install() { apt_install chromium chromium-driver; }

image_env() { :; }
image_install() { apt_install buildah; }

load_env() { echo "export LOCUST='$LOCUST/bin/locust'"; }
load_install() {
    [[ -x $LOCUST/bin/locust ]] && return 0
    python3 -c 'import venv, ensurepip' 2>/dev/null || apt_install python3-venv
    rm -rf "$LOCUST"
    python3 -m venv "$LOCUST"
    "$LOCUST/bin/pip" install --quiet "locust==$LOCUST_VERSION"
}
