#!/bin/sh
# Installs the locked packages once: `npm start` and `npm test` work in a fresh clone without `npm install`.
# The stamp holds the lock file's checksum, so a changed lock file installs again and an unchanged one costs nothing.
set -eu
cd "$(dirname "$0")/.."
want=$(cksum < package-lock.json)
[ "$(cat node_modules/.installed 2>/dev/null || true)" = "$want" ] && exit 0
echo "installing packages from package-lock.json (once) ..." >&2
npm ci --no-audit --no-fund --loglevel=error
printf '%s\n' "$want" > node_modules/.installed
