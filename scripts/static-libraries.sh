#!/usr/bin/env bash
# Collects static archives of the C libraries in .cache/static, so that the release binary runs on a machine that has none of them.
# SwiftPM finds the archives through the pkg-config files beside them (`swift build --pkg-config-path`). A library without an
# archive stays dynamic; that is reported, and isn't an error. Debian packages no archive of Oniguruma, so its source package is
# compiled here.
set -euo pipefail
cd "$(dirname "$0")/.."
top=$PWD/.cache/static
[ "$(uname)" = Linux ] || exit 0

# Debian's source package of Oniguruma, of the release that the system has; nothing outside of $1 changes. No root needed.
fetch_oniguruma() {
  local work=$1 file
  mkdir -p "$work/lists/partial" "$work/sources"
  # The system's own sources, as source packages.
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ ! -r "$file" ] || sed -n 's/^deb /deb-src /p' "$file" >>"$work/sources/system.list"
  done
  for file in /etc/apt/sources.list.d/{debian,ubuntu}.sources; do
    [ ! -r "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" >"$work/sources/$(basename "$file")"
  done
  local options=(-qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/sources" -o "Dir::State::lists=$work/lists"
    -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=)
  apt-get "${options[@]}" update && (cd "$work" && apt-get "${options[@]}" source --download-only libonig) || return 1
  tar -xf "$work"/libonig_*.orig.tar.* -C "$work"
}

# The objects that Oniguruma's own CMakeLists.txt names, with what its configure script would find on Linux.
compile_oniguruma() {
  local source=$1 output=$2 compiler
  compiler=$(command -v clang || command -v cc)
  cat >"$source/src/config.h" <<'CONFIG'
#define HAVE_ALLOCA 1
#define HAVE_ALLOCA_H 1
#define HAVE_INTTYPES_H 1
#define HAVE_STDINT_H 1
#define HAVE_SYS_TIME_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_UNISTD_H 1
#define SIZEOF_INT __SIZEOF_INT__
#define SIZEOF_LONG __SIZEOF_LONG__
#define SIZEOF_LONG_LONG __SIZEOF_LONG_LONG__
#define SIZEOF_VOIDP __SIZEOF_POINTER__
CONFIG
  (cd "$source" && sed -n '/^set(_SRCS/,/)/p' CMakeLists.txt | grep -o 'src/[a-z0-9_]*\.c' \
    | xargs -P "$(nproc)" -I{} sh -c '"$0" -O2 -fPIC -DHAVE_CONFIG_H -DONIG_STATIC -Isrc -c {} -o "$(basename {} .c).o"' "$compiler")
  ar rcs "$output" "$source"/*.o
}

[ ! -e "$top/complete" ] || exit 0
rm -rf "$top"
mkdir -p "$top/lib" "$top/pkgconfig"
PATH="$(dirname "$(readlink -f "$(command -v "${SWIFT:-swift}")")"):$PATH"
dynamic=
for entry in json-c:json-c yaml-0.1:yaml zlib:z oniguruma:onig; do
  name=${entry%:*} library=${entry#*:}
  archive=$top/lib/lib$library.a
  found=$(pkg-config --variable=libdir "$name")/lib$library.a
  if [ -r "$found" ]; then
    cp "$found" "$archive"
  elif [ "$library" = onig ] && command -v apt-get >/dev/null; then
    work=$top/oniguruma
    echo "Compiling Oniguruma from its source package, for a binary that needs no libonig." >&2
    if fetch_oniguruma "$work" >"$top/oniguruma.log" 2>&1 && compile_oniguruma "$work"/onig*-*/ "$archive" >>"$top/oniguruma.log" 2>&1; then
      rm -rf "$work"
    else
      rm -f "$archive"
    fi
  fi
  if [ -e "$archive" ]; then
    sed "s|^Libs:.*|Libs: -L\${pcfiledir}/../lib -l$library|" "$(pkg-config --variable=pcfiledir "$name")/$name.pc" >"$top/pkgconfig/$name.pc"
  else
    dynamic+=" lib$library"
  fi
done
# C++'s library, which Swift's own runtime needs.
runtime=$(clang -print-file-name=libstdc++.a)
[ "$runtime" = libstdc++.a ] || cp "$runtime" "$top/lib/"
if [ -n "$dynamic" ]; then echo "Linked dynamically, as there is no static archive:$dynamic" >&2; fi
touch "$top/complete"
