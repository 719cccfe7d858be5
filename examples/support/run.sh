#!/usr/bin/env bash
# September's recipe on October's messages, without a browser. Needs `curation` on the PATH.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$(mktemp -d)}
curation run "$here/recipe.yaml" --input "$here/messages-2026-10.csv" \
  --output "$out/curated.csv" --manifest "$out/manifest.json" --report "$out/report.json"
# The same recipe on the same data gives the same bytes.
curation run "$here/recipe.yaml" --input "$here/messages-2026-10.csv" \
  --output "$out/again.csv" >/dev/null
cmp "$out/curated.csv" "$out/again.csv"
echo "Written to $out, twice the same."
