#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# run.sh SKEP-OPENAPI WORKDIR: checks the document that the program prints with an independent validator.
set -eu
program=$(readlink -f "$1")
work=$2
here=$(dirname "$(readlink -f "$0")")

skip() {
    echo "skipped: $1"
    exit 77
}

command -v npm >/dev/null || skip "npm is not installed"
mkdir -p "$work"
cp "$here/package.json" "$here/package-lock.json" "$here/check.js" "$work/"
"$program" >"$work/openapi.json"
cd "$work"
if ! [ -d node_modules ]; then
    npm ci --no-audit --no-fund --ignore-scripts >npm.log 2>&1 || skip "npm could not install the validator: $(tail -n 1 npm.log)"
fi
node check.js openapi.json
