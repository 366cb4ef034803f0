#!/usr/bin/env bash
# Makes sure that the system libraries are there, and installs them where a package manager and the rights allow it.
# Arguments are further commands that must be there, called as their packages are. `--libraries`: what a built alora runs with, no more.
# Written for the bash 3.2 of macOS: no associative arrays, and an empty array is never expanded.
set -euo pipefail
libraries_only=false
if [ "${1:-}" = --libraries ]; then libraries_only=true; shift; fi

# The name for pkg-config, the package of apt, and that of brew.
libraries="json-c:libjson-c-dev:json-c zlib:zlib1g-dev:zlib oniguruma:libonig-dev:oniguruma
  yaml-0.1:libyaml-dev:libyaml openblas:libopenblas-dev:openblas"

manager=
if command -v apt-get >/dev/null; then manager=apt; elif command -v brew >/dev/null; then manager=brew; fi
if [ "$manager" = brew ]; then
  # Homebrew keeps some libraries (zlib, openblas) from where pkg-config looks. Swift finds them by itself.
  prefix=$(brew --prefix)
  for entry in $libraries; do
    PKG_CONFIG_PATH="$prefix/opt/${entry##*:}/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"
  done
  export PKG_CONFIG_PATH
fi

missing='' packages=pkg-config
for entry in $libraries; do
  IFS=: read -r name apt brew <<< "$entry"
  if ! command -v pkg-config >/dev/null || ! pkg-config --exists "$name"; then
    missing+=" $name"
    if [ "$manager" = brew ]; then packages+=" $brew"; else packages+=" $apt"; fi
  fi
done
for tool in "$@"; do
  command -v "$tool" >/dev/null || { missing+=" $tool"; packages+=" $tool"; }
done
if ! $libraries_only && ! { command -v python3 >/dev/null && python3 -c 'import venv, ensurepip' 2>/dev/null; }; then
  missing+=' python3-venv'
  # Homebrew's python3 has venv within.
  if [ "$manager" = brew ]; then packages+=' python3'; else packages+=' python3 python3-venv'; fi
fi

if [ -n "$missing" ]; then
  echo "Missing:$missing" >&2
  # Names of packages have no spaces: they are parted where they are used.
  case $manager in
    apt)
      as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
      echo "Installing: $packages" >&2
      as_root apt-get update -qq
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y $packages >/dev/null ;;
    brew) brew install --quiet $packages ;;
    *)
      echo "Install these libraries with their headers and pkg-config files, then run make again." >&2
      exit 1 ;;
  esac
fi
if ! $libraries_only && ! command -v swift >/dev/null; then
  echo "Swift 6.2 or newer is needed: https://www.swift.org/install" >&2
  exit 1
fi
