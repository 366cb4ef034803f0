#!/usr/bin/env bash
# Installs the wheels into a bare Debian root that has nothing but python3-venv, and does README's main job there.
# check-wheel.sh DIST ROOTS SUITE… — needs root, debootstrap and a mirror; roots are kept in ROOTS.
set -euo pipefail
cd "$(dirname "$0")/.."
dist=$(cd "$1" && pwd) roots=$2
shift 2
: "${DEBIAN_MIRROR:=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)}"
: "${DEBIAN_MIRROR:=http://deb.debian.org/debian}"
if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
  echo "wheel-check needs root and debootstrap" >&2
  exit 1
fi
for suite in "$@"; do
  root=$roots/$suite
  if [ ! -e "$root/ready" ]; then
    rm -rf "$root"
    mkdir -p "$root"
    debootstrap --variant=minbase --include=python3-venv "$suite" "$root" "$DEBIAN_MIRROR" >"$roots/$suite.log" 2>&1 \
      || { tail -n 5 "$roots/$suite.log" >&2; exit 1; }
    touch "$root/ready"
  fi
  rm -rf "$root/job"
  mkdir -p "$root/job"
  cp "$dist"/alora_gguf-*.whl "$root/job/"
  cp -R testdata/adapters/answerability/adapter-bf16 testdata/adapters/answerability/base-config testdata/inference/llama "$root/job/"
  start=$(date +%s)
  # No network and no compiler: the wheel has to be enough.
  unshare --net --mount bash -euc 'mount -t proc proc "$1/proc"; exec chroot "$@"' - "$root" /usr/bin/env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 bash -euc '
    cd /job
    for tool in swift cc gcc clang; do ! command -v $tool; done
    python3 -m venv venv
    venv/bin/pip install --quiet --disable-pip-version-check --no-index *.whl
    venv/bin/alora convert adapter-bf16 --base base-config --outfile adapter.gguf --quiet
    venv/bin/alora inspect adapter.gguf --key adapter.alora.invocation_tokens
    venv/bin/alora verify --model llama/base --adapter llama/adapter --golden llama/golden.npz
    venv/bin/python -c "
import alora_gguf
result = alora_gguf.convert(\"adapter-bf16\", base=\"base-config\", outfile=\"again.gguf\")
assert result.invocation_tokens == (1, 11247, 1307, 5)
assert alora_gguf.diff(\"adapter.gguf\", \"again.gguf\").equal"
  '
  echo "$suite: installed, converted and proven in $(($(date +%s) - start)) s"
  rm -rf "$root/job"
done
