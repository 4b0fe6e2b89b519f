# Programs that tests, lint and benchmarks call; nothing here runs as a service.
# shellcheck shell=bash

GOLANGCI_VERSION=v2.15.0
GOLANGCI=$CACHE/golangci-lint-$GOLANGCI_VERSION/golangci-lint
LOCUST_VERSION=2.47.0
LOCUST=$CACHE/locust-$LOCUST_VERSION
SCHEMATHESIS_VERSION=4.32.5
SCHEMATHESIS=$CACHE/schemathesis-$SCHEMATHESIS_VERSION
AXE_VERSION=4.14.1
AXE=$CACHE/axe-core-$AXE_VERSION

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
load_install() { pip_install "$LOCUST" locust "$LOCUST_VERSION"; }

contract_env() { echo "export SCHEMATHESIS='$SCHEMATHESIS/bin/schemathesis'"; }
contract_install() { pip_install "$SCHEMATHESIS" schemathesis "$SCHEMATHESIS_VERSION"; }

axe_env() { echo "export AXE_CORE='$AXE/axe.min.js'"; }
# axe-core is one file that runs in the browser; npm pack fetches it without installing anything.
axe_install() {
    [[ -s $AXE/axe.min.js ]] && return 0
    command -v npm >/dev/null || apt_install npm
    rm -rf "$AXE"
    mkdir -p "$AXE"
    (cd "$AXE" && npm pack --silent "axe-core@$AXE_VERSION" >/dev/null)
    tar -xzf "$AXE/axe-core-$AXE_VERSION.tgz" -C "$AXE" --strip-components=1 package/axe.min.js package/LICENSE
}

# pip_install FOLDER PACKAGE VERSION installs a Python program into a folder of its own.
pip_install() {
    local folder=$1 package=$2 version=$3
    [[ -x $folder/bin/$package ]] && return 0
    python3 -c 'import venv, ensurepip' 2>/dev/null || apt_install python3-venv
    rm -rf "$folder"
    python3 -m venv "$folder"
    "$folder/bin/pip" install --quiet "$package==$version"
}
