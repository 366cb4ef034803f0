#!/usr/bin/env bash
# What the project promises about its files: no source over 600 lines, testdata below 25 MB, nothing built committed.
set -euo pipefail
failed=0
while IFS= read -r file; do
  lines=$(wc -l < "$file")
  if [ "$lines" -gt 600 ]; then echo "$file has $lines lines, at most 600" >&2; failed=1; fi
done < <(git ls-files 'Sources/*' 'Tests/*.swift')
bytes=$(git ls-files -z testdata | xargs -0 cat | wc -c)
if [ "$bytes" -ge 25000000 ]; then echo "testdata holds $bytes bytes, below 25000000" >&2; failed=1; fi
if git ls-files | grep -E '(^|/)(\.build|\.cache|\.venv|__pycache__)/|\.(o|so|a|pyc)$'; then
  echo "build output is committed" >&2; failed=1
fi
exit $failed
