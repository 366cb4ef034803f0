#!/usr/bin/env bash
# Makes the wheels from a binary that is built: make-wheels.sh BINARY PYTHON OUTDIR.
# PYTHON is that of a virtual environment with packaging/requirements.txt. The same input gives the same bytes.
# Written for the bash 3.2 of macOS.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$1 python=$2 outdir=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The time that goes into the archives: the last commit's, or a fixed one outside of a repository.
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || echo 1577836800)}"
export SOURCE_DATE_EPOCH
# Files get the permissions that a wheel keeps.
umask 022
PATH="$(cd "$(dirname "$python")" && pwd):$PATH"

cp "$binary" "$work/alora"
chmod 755 "$work/alora"
system=$(uname)
if [ "$system" = Darwin ]; then
  strip -x "$work/alora"
  # Apple's processors run no binary whose signature strip has broken.
  codesign --force --sign - "$work/alora"
  # The oldest system that Package.swift supports.
  export ALORA_WHEEL_PLATFORM="macosx_15_0_$(uname -m)"
else
  strip "$work/alora"
fi
"$work/alora" --version >/dev/null

python3 scripts/make_python_results.py
mkdir -p "$work/raw" "$work/repaired" "$outdir"
ALORA_BINARY="$work/alora" "$python" -m build --wheel --no-isolation --outdir "$work/raw" python/alora-gguf >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
"$python" -m build --wheel --no-isolation --outdir "$work/repaired" python/pytest-alora >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
# Puts in what libraries are still shared, and the tag that the binary meets.
if [ "$system" = Darwin ]; then
  delocate-wheel --wheel-dir "$work/repaired" "$work"/raw/*.whl
else
  auditwheel repair --wheel-dir "$work/repaired" "$work"/raw/*.whl 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
fi
# Of an earlier version, or with another tag.
rm -f "$outdir"/alora_gguf-*.whl "$outdir"/pytest_alora-*.whl
for wheel in "$work"/repaired/*.whl; do
  size=$(wc -c < "$wheel")
  if [ "$size" -gt 25000000 ]; then echo "$wheel has $size bytes; at most 25 MB are wanted" >&2; exit 1; fi
  cp "$wheel" "$outdir/"
  echo "$outdir/$(basename "$wheel"), $size bytes"
done
