#!/usr/bin/env bash
# Runs each finding with a time bound and says which still hold; not part of CI. Usage:
#   findings/run-all.sh [part of a name]     LIMIT=300 seconds each
# Ends non-zero when one no longer holds. What each printed is kept only for those.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
limit=${LIMIT:-300}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
held=0
changed=0
for script in ./*"${1:-}"*.sh; do
  name=$(basename "$script" .sh)
  [ "$name" != run-all ] || continue
  began=$SECONDS
  if timeout --kill-after=20 "$limit" "$script" >"$log" 2>&1 </dev/null; then
    held=$((held + 1))
    printf 'holds    %4d s  %s\n' $((SECONDS - began)) "$name"
  else
    status=$?
    changed=$((changed + 1))
    [ "$status" != 124 ] || echo "stopped after $limit seconds" >>"$log"
    printf 'CHANGED  %4d s  %s\n' $((SECONDS - began)) "$name"
    sed 's/^/    /' "$log"
  fi
done
echo "$held hold, $changed changed"
[ "$changed" = 0 ]
