#!/usr/bin/env bash
# Runs the tests that the version of a C library could change, with this system's libraries and with those of other Debian
# releases: json-c 0.16 and 0.18, Oniguruma 6.9.8 and 6.9.9, libyaml, zlib, OpenBLAS.
#
#   library-versions.sh TEST_BINARY CACHE [SEEDS]
#
# SUITES="bookworm trixie sid" chooses releases. The packages are verified by Debian's keyring and only unpacked. SEEDS more files of
# random JSON documents are compared with this machine's python3. Where CI is set, nothing may be skipped.
set -euo pipefail
binary=$1 cache=$2/libraries seeds=${3:-5}
suites=${SUITES:-bookworm trixie}
filter=${FILTER:-"AloraJSONTests|AloraRegexTests|AloraModelCardTests|AloraNPZTests|AloraSafetensorsTests|AloraTokenizationTests|BackendTests"}
packages="libjson-c5 libonig5 libyaml-0-2 zlib1g libopenblas0-pthread libgfortran5 libc6 libgcc-s1 libstdc++6"
libraries="libjson-c.so.5 libonig.so.5 libyaml-0.so.2 libz.so.1"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

documents=
for ((seed = 2; seed < 2 + seeds; seed++)); do
  python3 "$(dirname "$0")/../testdata/json/make_documents.py" "$cache/$seed.bin" --seed "$seed" --count 20000 >/dev/null
  documents+=${documents:+:}$cache/$seed.bin
done
export ALORA_JSON_DOCUMENTS=$documents

# Says what can't be tried here, and why.
skipped() {
  echo "skipped: $*"
  [ -z "${CI:-}" ] || exit 1
}

# Runs the tests through the command given.
run() {
  local log=$cache/tests.log
  if ! "$@" "$binary" --testing-library swift-testing --filter "$filter" > "$log" 2>&1 || ! grep -q 'Test run with [1-9]' "$log"; then
    grep -aE '✘|recorded|error|not found' "$log" | head -n 40 >&2
    echo "failed; all of it is in $log" >&2
    exit 1
  fi
  grep -aoE 'Test run with .* passed' "$log"
}

echo "this system's libraries, $seeds seeds of JSON documents"
run env

for tool in apt-get dpkg-deb dpkg; do
  command -v $tool >/dev/null || { skipped "other libraries are Debian's packages, and $tool is missing"; exit 0; }
done
[ -r $keyring ] || { skipped "other libraries need the package debian-archive-keyring to be verified"; exit 0; }

fetch() {
  local suite=$1 root=$cache/$1
  [ -e "$root/complete" ] && return
  rm -rf "$root"
  mkdir -p "$root"/{state/lists/partial,archives/partial,packages,root}
  touch "$root/state/status"
  echo "deb [signed-by=$keyring] http://deb.debian.org/debian $suite main" > "$root/sources.list"
  cat > "$root/apt.conf" <<CONF
Dir::Etc::SourceList "$root/sources.list";
Dir::Etc::SourceParts "-";
Dir::State "$root/state";
Dir::State::status "$root/state/status";
Dir::Cache "$root";
APT::Sandbox::User "$(id -un)";
CONF
  (cd "$root/packages" && export APT_CONFIG=$root/apt.conf && apt-get -qq update && apt-get -qq download $packages) || return
  for package in "$root"/packages/*.deb; do dpkg-deb -x "$package" "$root/root"; done
  rm -rf "$root/state" "$root/archives"
  touch "$root/complete"
}

triplet=$(dpkg-architecture -q DEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch)
host=$(dpkg-query -W -f '${Version}' libc6)
for suite in $suites; do
  fetch "$suite" || { skipped "$suite, whose packages cannot be downloaded"; continue; }
  # In older releases, some libraries are in /lib.
  search=$cache/$suite/root/usr/lib/$triplet:$cache/$suite/root/lib/$triplet:$cache/$suite/root/usr/lib/$triplet/openblas-pthread
  version=$(dpkg-deb -f "$cache/$suite"/packages/libc6_*.deb Version)
  if dpkg --compare-versions "$version" gt "$host"; then
    # Libraries made for a newer C library run with that one, by its loader.
    loader=$(find "$cache/$suite/root" -name 'ld-linux-*.so.*' -type f | head -n 1)
    command=("$loader" --library-path "$search")
    found=$("$loader" --library-path "$search" --list "$binary")
  else
    mkdir -p "$cache/$suite/libraries"
    for library in $libraries; do
      ln -sf "$(find "$cache/$suite/root" -name "$library" | head -n 1)" "$cache/$suite/libraries/$library"
    done
    ln -sf "$cache/$suite/root/usr/lib/$triplet/openblas-pthread/libopenblas.so.0" "$cache/$suite/libraries/"
    ln -sf "$(find "$cache/$suite/root" -name libgfortran.so.5 | head -n 1)" "$cache/$suite/libraries/"
    command=(env "LD_LIBRARY_PATH=$cache/$suite/libraries")
    found=$(LD_LIBRARY_PATH=$cache/$suite/libraries ldd "$binary")
  fi
  for library in $libraries; do
    grep -qF "$library => $cache/$suite/" <<< "$found" || { echo "$library is not $suite's" >&2; exit 1; }
  done
  names=$(cd "$cache/$suite/packages" && echo libjson-c5_* libonig5_* libyaml* zlib1g_* libopenblas0-pthread_* | sed 's/_[a-z0-9]*\.deb//g; s/%3a/:/g')
  echo "$suite: $names"
  run "${command[@]}"
done
