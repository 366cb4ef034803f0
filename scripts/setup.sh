#!/usr/bin/env bash
# Makes sure that the system libraries are there, and installs them where a package manager and the rights allow it.
# Arguments are further commands that must be there, called as their packages are. `--libraries`: what a built alora runs with, no more.
set -euo pipefail
libraries_only=false
if [ "${1:-}" = --libraries ]; then libraries_only=true; shift; fi

declare -A apt=([json-c]=libjson-c-dev [zlib]=zlib1g-dev [oniguruma]=libonig-dev [yaml-0.1]=libyaml-dev [openblas]=libopenblas-dev)
declare -A brew=([json-c]=json-c [zlib]=zlib [oniguruma]=oniguruma [yaml-0.1]=libyaml [openblas]=openblas)

missing=()
if ! command -v pkg-config >/dev/null; then missing=("${!apt[@]}"); else
  for library in "${!apt[@]}"; do pkg-config --exists "$library" || missing+=("$library"); done
fi
needs_python=false
if ! $libraries_only; then
  command -v python3 >/dev/null && python3 -c 'import venv, ensurepip' 2>/dev/null || needs_python=true
fi

tools=()
for tool in "$@"; do command -v "$tool" >/dev/null || tools+=("$tool"); done

if [ ${#missing[@]} -gt 0 ] || [ ${#tools[@]} -gt 0 ] || $needs_python; then
  echo "Missing: ${missing[*]:-} ${tools[*]:-}$($needs_python && echo ' python3-venv')" >&2
  if command -v apt-get >/dev/null; then
    packages=(pkg-config "${tools[@]}")
    for library in "${missing[@]}"; do packages+=("${apt[$library]}"); done
    $needs_python && packages+=(python3 python3-venv)
    run=(); [ "$(id -u)" -eq 0 ] || run=(sudo)
    echo "Installing: ${packages[*]}" >&2
    "${run[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install -qq -y "${packages[@]}" >/dev/null
  elif command -v brew >/dev/null; then
    packages=(pkg-config "${tools[@]}")
    for library in "${missing[@]}"; do packages+=("${brew[$library]}"); done
    brew install --quiet "${packages[@]}"
  else
    echo "Install these libraries with their headers and pkg-config files, then run make again." >&2
    exit 1
  fi
fi
if ! $libraries_only && ! command -v swift >/dev/null; then
  echo "Swift 6.2 or newer is needed: https://www.swift.org/install" >&2
  exit 1
fi
