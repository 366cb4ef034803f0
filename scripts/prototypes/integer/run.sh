#!/usr/bin/env bash
# Builds the prototype with the kernels that ship, compares both with float64, then times them in turn (minutes). VNNI is measured
# where the CPU has it. The digests that `errors` prints are the same for every instruction set; with --arm, aarch64 under qemu
# computes them too.
set -euo pipefail
cd "$(dirname "$0")/../../.."
here=scripts/prototypes/integer
kernels=Sources/CAloraKernels
build=.cache/integer
mkdir -p "$build"
PATH="$(dirname "$(readlink -f "$(command -v swift)")"):$PATH"
flags=(-std=c11 -D_GNU_SOURCE -O2 -I"$kernels" -I"$kernels/include" -I"$here")

# build NAME INSTRUCTION-SETS FLAG...: each instruction set is a flag, or several joined by commas
build() {
  local name=$1 sets=$2 objects=() i=0; shift 2
  for set in $sets; do
    i=$((i + 1))
    IFS=, read -ra chosen <<<"$set"
    clang "${flags[@]}" "$@" "${chosen[@]}" -c "$here/kernel.c" -o "$build/$name-$i.o"
    objects+=("$build/$name-$i.o")
  done
  # shellcheck disable=SC2046
  clang "${flags[@]}" "$@" "$here/bench.c" $(find "$kernels" -name '*.c') "${objects[@]}" -lm -lpthread -o "$build/$name"
}

if [ "${1:-}" = --arm ]; then
  build arm "-DSCALAR -DNEON,-march=armv8.2-a+dotprod" --target=aarch64-linux-gnu -static
  qemu-aarch64-static "$build/arm" errors
elif [ "$(uname -m)" = x86_64 ]; then
  build native "-DSCALAR -DAVX2 -DAVX512,-mavx512vnni"
  "$build/native" errors
  "$build/native" times
else
  build native "-DSCALAR -DNEON,-march=armv8.2-a+dotprod"
  "$build/native" errors
  "$build/native" times
fi
