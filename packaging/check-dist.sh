#!/usr/bin/env bash
# Makes the packages again and compares the bytes, installs the .deb in a bare Debian root, and runs the container image's root.
# check-dist.sh BINARY MANUAL PYTHON DIST ROOTS SUITE — after check-wheel.sh, which makes the root. Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."
binary=$1 manual=$2 python=$3 dist=$4 roots=$5 suite=$6
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# From a copy in another place, so that no path of this one is inside.
mkdir "$work/again"
cp "$binary" "$work/alora"
packaging/make-wheels.sh "$work/alora" "$python" "$work/again" >/dev/null
packaging/make-dist.sh "$work/alora" "$manual" "$python" "$work/again" >/dev/null
diff "$dist/SHA256SUMS" "$work/again/SHA256SUMS"
(cd "$dist" && sha256sum --check --quiet SHA256SUMS)
echo "made twice: $(wc -l < "$dist/SHA256SUMS") files, equal bytes"

# As a container engine starts it: with /proc, which Swift reads the arguments from.
inside() {
  unshare --mount bash -euc 'root=$1; shift; mkdir -p "$root/proc"; mount -t proc proc "$root/proc"; exec chroot "$@"' - "$@"
}

# The job of a user: a conversion.
prepare() {
  mkdir -p "$1/job"
  cp -R testdata/adapters/answerability/adapter-bf16 testdata/adapters/answerability/base-config "$1/job/"
}
convert=(convert /job/adapter-bf16 --base /job/base-config --outfile /job/out.gguf)

mkdir "$work/image" "$work/root"
tar -C "$work/image" -xf "$dist"/alora-*-oci-*.tar
layer=$("$python" - "$work/image" <<'PYTHON'
import hashlib, json, sys
from pathlib import Path
root = Path(sys.argv[1])
def blob(descriptor):
    data = (root / "blobs/sha256" / descriptor["digest"].removeprefix("sha256:")).read_bytes()
    assert len(data) == descriptor["size"] and "sha256:" + hashlib.sha256(data).hexdigest() == descriptor["digest"]
    return data
manifest = json.loads(blob(json.loads((root / "index.json").read_text())["manifests"][0]))
configuration = json.loads(blob(manifest["config"]))
assert configuration["config"]["Entrypoint"] == ["/usr/bin/alora"] and configuration["config"]["User"] == "65532"
[layer] = manifest["layers"]
blob(layer)
print(layer["digest"].removeprefix("sha256:"))
PYTHON
)
tar -C "$work/root" -xzf "$work/image/blobs/sha256/$layer"
prepare "$work/root"
chown -R 65532:65532 "$work/root/job"
inside "$work/root" --userspec 65532:65532 "$work/root" /usr/bin/alora "${convert[@]}" >/dev/null
test -s "$work/root/job/out.gguf" && test ! -e "$work/root/bin/sh"
echo "container image: $(du -sm "$work/root/usr" | cut -f1) MB, converted as an unprivileged user without a shell"

root=$roots/$suite
rm -rf "$root/job"
prepare "$root"
cp "$dist"/alora_*.deb "$root/job/"
# Installed and removed again, so that the root stays bare.
inside "$root" "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive bash -euc '
  before=$(dpkg --get-selections)
  apt-get update -qq
  apt-get install -qq -y --no-install-recommends /job/*.deb >/dev/null 2>&1
  alora "$@" >/dev/null
  for page in "" -convert -verify -golden-record; do gzip -t "/usr/share/man/man1/alora$page.1.gz"; done
  for completion in bash-completion/completions/alora zsh/vendor-completions/_alora fish/vendor_completions.d/alora.fish; do
    test -s /usr/share/$completion
  done
  bash -c "source /usr/share/bash-completion/completions/alora; complete -p alora" >/dev/null
  apt-get purge -qq -y alora >/dev/null
  apt-get autoremove --purge -qq -y >/dev/null
  test "$before" = "$(dpkg --get-selections)"
' - "${convert[@]}"
cmp "$root/job/out.gguf" "$work/root/job/out.gguf"
rm -rf "$root/job"
echo "$suite: the .deb installed, converted, and removed without a trace; the same bytes as the image's"
