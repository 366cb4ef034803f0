#!/usr/bin/env bash
# Checks Swift, then installs the system libraries that are missing, if a package manager and the rights are there. Whatever can't
# be done ends in one line that says what to do.
#
#   scripts/setup.sh [--python] [COMMAND …]   what builds alora; with --python also Python with venv, which the demo and the tests
#                                             use for downloads and do without if need be; each COMMAND is a package of that name
#   scripts/setup.sh --libraries              only the libraries that a dynamically linked alora runs with
#
# Written for the bash 3.2 of macOS: no associative arrays, and an empty array is never expanded.
set -euo pipefail
cd "$(dirname "$0")/.."
swift=${SWIFT:-swift}
fail() { echo "setup: $*" >&2; exit 1; }

mode=build python=false
case "${1:-}" in
  --libraries) mode=run; shift ;;
  --python) python=true; shift ;;
esac

# Swift comes first: without it, nothing else is worth installing.
check_swift() {
  local packages='its packages for each system are listed at https://www.swift.org/install/linux' said version compiler
  command -v "$swift" >/dev/null || fail "Swift 6.2 or newer is needed, and there is no '$swift' in PATH: see https://www.swift.org/install"
  said=$("$swift" --version 2>&1) || fail "'$swift' does not start ($(head -n 1 <<<"$said")); $packages"
  version=$(sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' <<<"$said" | head -n 1)
  if [ "${version%.*}" -lt 6 ] 2>/dev/null || { [ "${version%.*}" = 6 ] && [ "${version#*.}" -lt 2 ]; }; then
    fail "Swift 6.2 or newer is needed, and '$swift' is $version: see https://www.swift.org/install"
  fi
  said=$("$swift" build --version 2>&1) || fail "'$swift build' does not start ($(head -n 1 <<<"$said")); $packages"
  [ "$(uname)" = Linux ] || return 0
  compiler=$(dirname "$(readlink -f "$(command -v "$swift")")")/clang++
  [ -x "$compiler" ] || return 0
  said=$("$compiler" -x c++ -o /dev/null - <<<$'#include <string>\nint main() { return 0; }' 2>&1) \
    || fail "Swift's compiler can't build a program ($(grep -m 1 error <<<"$said")); $packages"
}

manager=
if command -v apt-get >/dev/null; then manager=apt; elif command -v brew >/dev/null; then manager=brew; fi

updated=false
install() {
  local log status=0
  case $manager in
    apt)
      log=$(mktemp)
      { { $updated || $sudo apt-get update -qq; } \
        && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"; } >"$log" 2>&1 || status=$?
      updated=true
      [ "$status" = 0 ] || grep '^E:' "$log" >&2 || true
      rm -f "$log" ;;
    brew) brew install --quiet "$@" || status=$? ;;
  esac
  return $status
}

# Installs the packages $1; $2 says what they are for where that is optional: then a failure is only reported.
need() {
  local packages=$1 optional=${2:-} command sudo='' problem=''
  [ -n "$packages" ] || return 0
  command="apt-get update && apt-get install -y --no-install-recommends $packages"
  case $manager in
    apt)
      if [ "$(id -u)" != 0 ]; then
        # Without a terminal there is nobody to type a password.
        if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then sudo=sudo; else problem="ask an administrator to run: $command"; fi
      fi ;;
    brew) command="brew install $packages" ;;
    *) problem='no apt-get or brew here: install them with their headers and pkg-config files' ;;
  esac
  if [ -z "$problem" ]; then
    echo "Installing: $packages" >&2
    # Names of packages have no spaces: they are parted here.
    # shellcheck disable=SC2086
    install $packages && return 0
    problem="they could not be installed; check the network, then run: $command"
  fi
  if [ -n "$optional" ]; then
    echo "setup: going on without $packages ($optional): $problem" >&2
  else
    fail "missing $packages: $problem"
  fi
}

if [ $mode = run ]; then
  packages=
  for entry in libjson-c.so.5:libjson-c5:json-c libonig.so.5:libonig5:oniguruma libyaml-0.so.2:libyaml-0-2:libyaml; do
    IFS=: read -r name apt brew <<<"$entry"
    if [ "$manager" = brew ]; then
      brew list "$brew" >/dev/null 2>&1 || packages+=" $brew"
    else
      PATH="$PATH:/sbin:/usr/sbin" ldconfig -p | grep -q "$name" || packages+=" $apt"
    fi
  done
  need "${packages# }"
  exit 0
fi

check_swift
# The name for pkg-config, the package of apt, and that of brew.
libraries="json-c:libjson-c-dev:json-c zlib:zlib1g-dev:zlib oniguruma:libonig-dev:oniguruma yaml-0.1:libyaml-dev:libyaml"
second_opinion=openblas:libopenblas-dev:openblas
if [ "$manager" = brew ]; then
  # Homebrew keeps some libraries (zlib, openblas) from where pkg-config looks. Swift finds them by itself.
  prefix=$(brew --prefix)
  for entry in $libraries $second_opinion; do
    PKG_CONFIG_PATH="$prefix/opt/${entry##*:}/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
  done
  export PKG_CONFIG_PATH
fi
lacks() {  # The package of a library that pkg-config doesn't know.
  local name apt brew
  IFS=: read -r name apt brew <<<"$1"
  pkg-config --exists "$name" 2>/dev/null || { if [ "$manager" = brew ]; then echo "$brew"; else echo "$apt"; fi; }
}
packages=
command -v pkg-config >/dev/null || packages=" pkg-config"
for entry in $libraries; do
  package=$(lacks "$entry")
  [ -z "$package" ] || packages+=" $package"
done
for tool in "$@"; do command -v "$tool" >/dev/null || packages+=" $tool"; done
need "${packages# }"
need "$(lacks $second_opinion)" 'only --backend openblas needs it'
if $python && ! { command -v python3 >/dev/null && python3 -c 'import venv, ensurepip' 2>/dev/null; }; then
  # Homebrew's python3 has venv within.
  if [ "$manager" = brew ]; then packages=python3; else packages='python3 python3-venv'; fi
  need "$packages" 'only the downloads from PyPI need them'
fi

# The Swift package that alora is built with. Once it is here, no network is needed.
if ! [ .build/workspace-state.json -nt Package.swift ]; then
  if ! said=$("$swift" package resolve 2>&1); then
    # SwiftPM complains about its own cache where git could not clone.
    detail=$(grep -o 'fatal: .*' <<<"$said" | grep -v 'cannot change to' | head -n 1 || true)
    fail "the Swift packages that Package.swift names could not be fetched from github.com${detail:+ ($detail)};" \
      "check the network, or name a mirror with 'swift package config set-mirror'"
  fi
  touch .build/workspace-state.json
fi
