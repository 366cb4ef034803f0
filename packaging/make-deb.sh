#!/usr/bin/env bash
# Makes a Debian package of a tree that goes below /usr: make-deb.sh TREE VERSION OUTDIR. The same tree gives the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
tree=$1 version=$2 outdir=$3
architecture=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root/DEBIAN" "$work/debian"
cp -R "$tree" "$root/usr"
# The library packages that the binary needs, by what it is linked to.
printf 'Source: alora\n\nPackage: alora\nArchitecture: any\n' > "$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O -e root/usr/bin/alora 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
changed=$(date -u -R -d "@$SOURCE_DATE_EPOCH")
maintainer=${ALORA_MAINTAINER:-alora maintainers <maintainers@localhost>}
printf 'alora (%s) unstable; urgency=medium\n\n  * Release %s.\n\n -- %s  %s\n' "$version" "$version" "$maintainer" "$changed" \
  | gzip -9 -n > "$root/usr/share/doc/alora/changelog.gz"
gzip -9 -n "$root/usr/share/doc/alora/README.md"
# Debian has the license's text.
rm "$root/usr/share/doc/alora/LICENSE"
sed -i '1s|.*|alora is under the Apache License 2.0; /usr/share/common-licenses/Apache-2.0 has its text.|' "$root/usr/share/doc/alora/copyright"
{
  echo "Package: alora"
  echo "Version: $version"
  echo "Architecture: $architecture"
  echo "Maintainer: $maintainer"
  echo "Installed-Size: $(du -sk --apparent-size "$root/usr" | cut -f1)"
  echo "Depends: $depends"
  echo "Suggests: libopenblas0"
  echo "Section: science"
  echo "Priority: optional"
  echo "Description: convert LoRA and Activated LoRA adapters to GGUF, and prove them"
  echo " One command for LoRA and Activated LoRA (aLoRA) adapters that Hugging Face"
  echo " PEFT has trained. It converts them to GGUF, shows what is inside, and proves"
  echo " bit for bit that nothing before the activation differs from the base model."
} > "$root/DEBIAN/control"
(cd "$root" && find usr -type f | LC_ALL=C sort | xargs md5sum) > "$root/DEBIAN/md5sums"
find "$root" -type d -exec chmod 755 {} +
find "$root/usr/share" "$root/DEBIAN" -type f -exec chmod 644 {} +
find "$root" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$root" "$outdir/alora_${version}_$architecture.deb" >/dev/null
