#!/bin/sh
# Installs the locked packages once: `npm start` and `npm test` work in a fresh clone without `npm install`.
# `install.sh run` installs what the system itself needs: two fifths of the work. Without an argument the tools of tests and
# checks come too, beside what is there: a system that runs from it goes on.
# The stamp holds the lock file's checksum, so a changed lock file installs again and an unchanged one costs nothing.
set -eu
cd "$(dirname "$0")/.."
stamp=node_modules/.installed
want=$(cksum < package-lock.json)
have=$(cat "$stamp" 2>/dev/null || true)
[ "$have" = "$want" ] && exit 0
quiet="--no-audit --no-fund --loglevel=error"
# Packages bring Node 24 on Linux. Elsewhere the machine's own runs the sources, which are TypeScript.
check_node() {
  PATH="$PWD/node_modules/.bin:$PATH" node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
    if (major > 22 || (major === 22 && minor >= 18)) process.exit(0);
    console.error(`Node.js ${process.version} does not run TypeScript: on this platform install Node.js 22.18 or newer`);
    process.exit(1);'
}
if [ "${1:-all}" = run ]; then
  [ "$have" = "run $want" ] && exit 0
  echo "installing what the system runs with, from package-lock.json (once) ..." >&2
  npm ci --omit=dev $quiet
  check_node
  printf 'run %s\n' "$want" > "$stamp"
  exit 0
fi
echo "installing packages from package-lock.json (once) ..." >&2
if [ "$have" = "run $want" ]; then
  npm install --no-save $quiet
else
  npm ci $quiet
fi
check_node
printf '%s\n' "$want" > "$stamp"
