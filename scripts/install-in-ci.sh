#!/usr/bin/env bash
# Puts alora into ALORA_DIRECTORY for action.yml: from a wheel, from a binary, from the cache, or built from the action's sources.
# Inputs come as variables and are never run as text. Written for the bash 3.2 of macOS.
set -euo pipefail
alora=$ALORA_DIRECTORY/alora
built=false

fail() {
  echo "::error title=alora::$2"
  exit "$1"
}

sha256() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

# What came from elsewhere is what was meant, or it is removed: check INPUT FILE SHA256.
check() {
  [ -n "$3" ] || return 0
  local found
  found=$(sha256 "$2")
  if [ "${found%% *}" != "$3" ]; then
    rm -f "$2"
    fail 3 "the $1 has the SHA-256 ${found%% *}, not the one that $1-sha256 says"
  fi
}

# download INPUT ADDRESS FILE SHA256
download() {
  [ -n "$4" ] || fail 2 "$1 is an address, so $1-sha256 has to say what is expected there"
  curl --fail --silent --show-error --location --proto '=https' --retry 3 --output "$3" "$2"
  check "$1" "$3" "$4"
}

# A binary that was linked dynamically may lack its libraries here, which are then installed.
starts() {
  "$alora" --version >/dev/null 2>&1 || { "$GITHUB_ACTION_PATH/scripts/setup.sh" --libraries && "$alora" --version >/dev/null 2>&1; }
}

install_wheel() {
  local wheel file=$RUNNER_TEMP/wheel venv=$RUNNER_TEMP/alora-venv
  local options=(--quiet --disable-pip-version-check --only-binary :all: --no-deps)
  mkdir -p "$file"
  case $ALORA_WHEEL in
    https://*)
      # pip reads the platform from the file's name.
      wheel=${ALORA_WHEEL%%[?#]*}
      wheel=$file/${wheel##*/}
      download wheel "$ALORA_WHEEL" "$wheel" "$ALORA_WHEEL_SHA256"
      options+=(--no-index) ;;
    *.whl)
      wheel=$file/${ALORA_WHEEL##*/}
      cp "$ALORA_WHEEL" "$wheel"
      check wheel "$wheel" "$ALORA_WHEEL_SHA256"
      options+=(--no-index) ;;
    *)
      [[ $ALORA_WHEEL =~ ^[A-Za-z0-9._-]+(==[A-Za-z0-9.!+_-]+)?$ && $ALORA_WHEEL != -* ]] \
        || fail 2 "wheel is not a path that ends in .whl, an https address, or a requirement such as alora-gguf==0.2.0"
      wheel=$file/requirement.txt
      echo "$ALORA_WHEEL${ALORA_WHEEL_SHA256:+ --hash=sha256:$ALORA_WHEEL_SHA256}" > "$wheel"
      options+=(--requirement) ;;
  esac
  python3 -m venv "$venv"
  "$venv/bin/pip" install "${options[@]}" "$wheel"
  ln -sf "$venv/bin/alora" "$alora"
}

install_binary() {
  case $ALORA_BINARY in
    '')
      if [ "$ALORA_CACHED" != true ] || ! starts; then
        # This installs what a build needs.
        make -C "$GITHUB_ACTION_PATH" build
        cp "$GITHUB_ACTION_PATH/.build/release/alora" "$alora"
        built=true
      fi ;;
    https://*) download binary "$ALORA_BINARY" "$alora" "$ALORA_SHA256" ;;
    *)
      cp "$ALORA_BINARY" "$alora"
      check binary "$alora" "$ALORA_SHA256" ;;
  esac
  chmod +x "$alora"
  starts || true
}

if [ -n "$ALORA_WHEEL" ]; then
  [ -z "$ALORA_BINARY" ] || fail 2 "give a binary or a wheel, not both"
  install_wheel
else
  install_binary
fi
"$alora" --version
echo "built=$built" >> "$GITHUB_OUTPUT"
echo "$ALORA_DIRECTORY" >> "$GITHUB_PATH"
