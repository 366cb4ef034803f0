#!/usr/bin/env bash
# Every kernel on fixed inputs: the same bits from every instruction set, compiler, level of optimization and machine, as committed
# in Tests/Kernels/digests.txt. With --all also from the system's compiler and from aarch64 (NEON and scalar), which runs under
# qemu-user where that and a cross compiler are installed; gcc takes minutes.
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

check clang-O1 "" clang -O1
if [ "${1:-}" = --all ]; then
  check cc-O2 "" "${CC:-cc}" -O2
  check aarch64-O2 qemu-aarch64-static aarch64-linux-gnu-gcc -O2 -static
fi
exit $failed
