#!/usr/bin/env bash
# The kernels under valgrind, then the test suite under address and undefined-behaviour sanitizer, and under thread sanitizer. A
# report fails it. Valgrind knows no AVX-512 and says so to the program: what runs under it is the scalar and the AVX2 kernels.
#
#   scripts/sanitize.sh [kernels|address|thread|all] [further arguments of swift test, such as --filter AloraGGUFTests]
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:-all}
[ $# -eq 0 ] || shift
# Swift's own backtracer waits for ever on a process that a sanitizer has ended.
export SWIFT_BACKTRACE=enable=no
# Leaks are looked for by scripts/robustness limits: what Swift keeps for the whole of a process looks like one here.
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/scripts/tsan.suppressions"

run() {
  # lld, because the gold linker that Swift calls by default does not read what clang makes for the sanitizers.
  local name=$1; shift
  local flags=(--scratch-path ".build-sanitize/$name" "$@" -Xcc -O1 -Xswiftc -Xclang-linker -Xswiftc -fuse-ld=lld)
  swift build --build-tests "${flags[@]}"
  # bash 3.2 takes an empty array for one that is not set.
  swift test --skip-build "${flags[@]}" ${more[@]+"${more[@]}"}
}

more=("$@")
# Swift's own compiler, which makes the command, before another of that name.
PATH="$(dirname "$(readlink -f "$(command -v swift)")"):$PATH"
case $kind in kernels|all)
  command -v valgrind >/dev/null || scripts/setup.sh valgrind
  build=.cache/kernels; mkdir -p "$build"
  # Valgrind reads no DWARF 5 of clang's.
  clang -std=c11 -O1 -gdwarf-4 -ISources/CAloraKernels/include -ISources/CAloraKernels Tests/Kernels/digests.c \
    $(find Sources/CAloraKernels -name '*.c') -lm -o "$build/valgrind"
  valgrind --quiet --error-exitcode=9 "$build/valgrind" >"$build/valgrind.txt"
  diff Tests/Kernels/digests.txt "$build/valgrind.txt"
  echo "kernels: $(wc -l <"$build/valgrind.txt") digests under valgrind as committed, no report";;
esac
case $kind in address|all)
  run address --sanitize address -Xcc -fsanitize=undefined -Xcc -fno-sanitize-recover=undefined;;
esac
case $kind in thread|all) run thread --sanitize thread;; esac
