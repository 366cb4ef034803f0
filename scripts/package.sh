#!/usr/bin/env bash
# Checks the release binary and packs it: stripped, not too large, and needing only what every Linux of its age has.
#
#   scripts/package.sh BINARY DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$1 directory=$2
# A binary has 35.8 MB on 2026-11-29. In the last days it gained 1.3 for nine architectures, kernels and quantizers of more types, the checks of
# other servers, and Granite Switch. SwiftNIO and Hummingbird take 11 MB. Packed relocations would save 1.8 MB, but need glibc 2.36, which Ubuntu 22.04
# doesn't have.
greatest_size=37000000
# Debian 12's and Ubuntu 22.04's; nothing newer may be called.
greatest_glibc=2.36
fail() { echo "$binary: $*" >&2; exit 1; }

size=$(wc -c <"$binary")
[ "$size" -le $greatest_size ] || fail "$size bytes, at most $greatest_size"
name=alora-$("$binary" --version | grep -o '[0-9][0-9.]*' | head -n 1)-$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m)
if [ "$(uname)" = Linux ]; then
  if readelf -S --wide "$binary" | grep -q '\.debug_info\|\.symtab'; then fail "not stripped"; fi
  needed=$(readelf -d "$binary" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -vE '^(libc\.so\.6|libm\.so\.6|ld-linux.*)$' | tr '\n' ' ' || true)
  [ -z "$needed" ] || fail "needs ${needed% } to run; see .cache/static for why it is not inside"
  glibc=$(readelf -V --wide "$binary" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -n 1)
  [ "$(printf '%s\n' "$glibc" $greatest_glibc | sort -V | tail -n 1)" = $greatest_glibc ] \
    || fail "needs glibc $glibc; build it on an older system, of glibc $greatest_glibc at most"
  echo "$binary: $size bytes, needs glibc $glibc and nothing else"
fi
mkdir -p "$directory/package/$name"
cp "$binary" LICENSE "$directory/package/$name/"
tar -C "$directory/package" -czf "$directory/$name.tar.gz" "$name"
rm -rf "$directory/package"
echo "$directory/$name.tar.gz: $(wc -c <"$directory/$name.tar.gz") bytes"
