#!/usr/bin/env bash
# Makes everything that a release has, from a binary that is built: make-dist.sh BINARY MANUAL PYTHON OUTDIR.
# MANUAL is argument-parser's generate-manual. The wheels are made before (make-wheels.sh). The same input gives the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$1 manual=$2 python=$3 outdir=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || echo 1577836800)}"
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
umask 022
system=$(uname | tr '[:upper:]' '[:lower:]')
machine=$(uname -m)

# The tree that packages install below /usr.
tree=$work/tree
mkdir -p "$tree/bin" "$tree/share/man/man1" "$tree/share/doc/alora"
cp "$binary" "$tree/bin/alora"
chmod 755 "$tree/bin/alora"
if [ "$system" = darwin ]; then
  strip -x "$tree/bin/alora"
  codesign --force --sign - "$tree/bin/alora"
  date=$(date -u -r "$SOURCE_DATE_EPOCH" +%Y-%m-%d)
else
  strip "$tree/bin/alora"
  date=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)
fi
version=$("$tree/bin/alora" --version)
"$manual" "$tree/bin/alora" --multi-page --date "$date" --output-directory "$tree/share/man/man1" >/dev/null
"$python" packaging/tidy_manual.py "$tree/share/man/man1"
gzip -9 -n "$tree"/share/man/man1/*.1
for shell in bash:bash-completion/completions/alora zsh:zsh/vendor-completions/_alora fish:fish/vendor_completions.d/alora.fish; do
  mkdir -p "$(dirname "$tree/share/${shell#*:}")"
  # Shells read it; nobody runs it, so it needs no interpreter.
  "$tree/bin/alora" --generate-completion-script "${shell%%:*}" | sed '1{/^#!/d}' > "$tree/share/${shell#*:}"
done
{ echo "License: Apache-2.0"; echo; cat packaging/THIRD_PARTY_LICENSES.txt; } > "$tree/share/doc/alora/copyright"
cp LICENSE "$tree/share/doc/alora/LICENSE"
cp README.md "$tree/share/doc/alora/README.md"

mkdir -p "$outdir"
rm -f "$outdir"/alora-* "$outdir"/alora_[0-9]* "$outdir"/alora.rb "$outdir"/SHA256SUMS
"$python" packaging/make_archives.py archive "$tree" "$outdir/alora-$version-$system-$machine.tar.gz" "alora-$version"
if command -v dpkg-deb >/dev/null; then
  packaging/make-deb.sh "$tree" "$version" "$outdir"
else
  echo "no dpkg-deb: the .deb is left out" >&2
fi
if [ "$system" = linux ]; then
  "$python" packaging/make_image.py "$tree" "$outdir/alora-$version-oci-$machine.tar" "$version"
fi
if git rev-parse --verify HEAD >/dev/null 2>&1; then
  git archive --format=tar --prefix="alora-$version/" HEAD | gzip -9 -n > "$outdir/alora-$version-source.tar.gz"
  "$python" packaging/make_archives.py formula packaging/homebrew/alora.rb "$outdir/alora-$version-source.tar.gz" "$version" "$outdir/alora.rb"
fi
"$python" packaging/make_archives.py checksums "$outdir" > "$outdir/SHA256SUMS"
cat "$outdir/SHA256SUMS"
