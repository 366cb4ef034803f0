#!/usr/bin/env bash
# Every kernel on fixed inputs: the same bits from every instruction set, compiler, level of optimization and machine, as committed
# in Tests/Kernels/digests.txt. With --all also from aarch64 (NEON and scalar), which runs under qemu-user where that and a C library
# for it are installed, and from the system's compiler, which takes minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
build=.cache/kernels
mkdir -p "$build"
sources=$(find Sources/CAloraKernels -name '*.c')
expected=Tests/Kernels/digests.txt
failed=0

# check NAME RUNNER COMPILER FLAG...
check() {
  local name=$1 runner=$2; shift 2
  if ! command -v "$1" >/dev/null || { [ -n "$runner" ] && ! command -v "$runner" >/dev/null; }; then
    echo "kernels: $name: not checked ($1${runner:+ or $runner} is not installed)"
    return
  fi
  "$@" -std=c11 -ISources/CAloraKernels/include -ISources/CAloraKernels Tests/Kernels/digests.c $sources -lm -o "$build/$name"
  if ${runner:+"$runner"} "$build/$name" >"$build/$name.txt" 2>"$build/$name.log" && diff -q "$expected" "$build/$name.txt" >/dev/null; then
    echo "kernels: $name: $(wc -l <"$expected") digests as committed ($(sed -n 's/instruction sets: //p' "$build/$name.log"))"
  else
    echo "kernels: $name: DIFFERENT" >&2
    diff "$expected" "$build/$name.txt" | head -n 10 >&2 || true
    failed=1
  fi
}

# Swift's own compiler, which makes the command, before another of that name.
PATH="$(dirname "$(readlink -f "$(command -v swift)")"):$PATH"
check clang-O1 "" clang -O1
if [ "${1:-}" = --all ]; then
  if command -v aarch64-linux-gnu-gcc >/dev/null; then  # for its C library
    check aarch64-O1 "$(command -v qemu-aarch64-static || echo qemu-aarch64)" clang --target=aarch64-linux-gnu -O1 -static
  else
    echo "kernels: aarch64-O1: not checked (gcc-aarch64-linux-gnu is not installed)"
  fi
  check cc-O2 "" "${CC:-cc}" -O2
fi
exit $failed
