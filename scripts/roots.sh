#!/usr/bin/env bash
# `make demo` and `make test` as a newcomer runs them: from a clone of HEAD, in a bare Debian with git, make and the packages that
# swift.org lists, as root and as a user who may use sudo. Then what a newcomer may lack: rights, PyPI, GitHub; and the binary that was
# built, on a Debian without any of these packages. Needs root and debootstrap.
#
#   scripts/roots.sh [SUITE:USER …]     such as bookworm:root or trixie:user; KEEP=1 keeps what was built
#
# The toolchain is this machine's, mounted read-only, and so are the mirrors that its git configuration names. Everything lies in
# .cache/roots: `bare-SUITE` is what debootstrap makes, `swift-SUITE` what the packages add, `SUITE-USER.log` what was said.
set -euo pipefail
cd "$(dirname "$0")/.."
sources=$PWD top=$PWD/.cache/roots
[ "$(id -u)" = 0 ] || { echo "roots: only root may make and enter a root" >&2; exit 1; }
[ $# -gt 0 ] || set -- bookworm:root bookworm:user trixie:root trixie:user
packages="git make sudo binutils-gold gcc libcurl4-openssl-dev libedit-dev libicu-dev libncurses-dev libpython3-dev libsqlite3-dev
  libxml2-dev libz3-dev pkg-config tzdata unzip uuid-dev zlib1g-dev"
toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v "${SWIFT:-swift}")")")")
swift_path=$toolchain/bin

# Local mirrors of repositories, by this machine's git configuration.
mirrors() { git config --system --get-regexp '^url\..*\.insteadof$' 2>/dev/null | sed -n 's|^url\.\(/.*\)\.insteadof .*|\1|p' | sort -u; }

# enter DIRECTORY LOWER COMMAND…: runs a command of this script in a mount namespace in which LOWER (layers, the topmost first) is at
# DIRECTORY/root, changes going to DIRECTORY/upper.
enter() {
  local directory=$1 lower=$2; shift 2
  mkdir -p "$directory"/{upper,work,root}
  unshare --mount bash -c '
    set -euo pipefail
    directory=$1 lower=$2 toolchain=$3; shift 3
    root=$directory/root
    mount -t overlay overlay -o "lowerdir=$lower,upperdir=$directory/upper,workdir=$directory/work" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    for path in "$toolchain" $MIRRORS; do
      mkdir -p "$root/$path"
      mount --bind "$path" "$root/$path" && mount -o remount,bind,ro "$root/$path"
    done
    for file in /etc/gitconfig /etc/pip.conf /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
      [ ! -r "$file" ] || install -D -m 644 "$(readlink -f "$file")" "$root/$file"
    done
    # The mirrors belong to root, whoever clones them.
    printf "[safe]\n\tdirectory = *\n" >>"$root/etc/gitconfig"
    "$@"
  ' enter "$directory" "$lower" "$toolchain" "$@"
}
MIRRORS=$(mirrors | tr '\n' ' ')
export MIRRORS

prepare() {
  local suite=$1 bare=$top/bare-$1 work=$top/swift-$1
  if [ ! -e "$bare.complete" ]; then
    rm -rf "$bare"
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$bare" >"$top/bare-$suite.log" 2>&1
    touch "$bare.complete"
  fi
  if [ ! -e "$work.complete" ]; then
    rm -rf "$work"
    # shellcheck disable=SC2086
    enter "$work" "$bare" chroot "$work/root" sh -c 'set -e; export DEBIAN_FRONTEND=noninteractive
      apt-get update -qq
      apt-get install -qq -y --no-install-recommends '"$(echo $packages)"' $(apt-cache depends g++ | sed -n "s/.*Depends: g++-\([0-9]*\)$/libstdc++-\1-dev/p")
      useradd -m -s /bin/bash user && echo "user ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/user
      useradd -m -s /bin/bash guest' >"$top/swift-$suite.log" 2>&1
    rm -rf "$work/work" "$work/root"
    touch "$work.complete"
  fi
}

# What a newcomer does, inside the root; each line is a claim.
newcomer() {
  local root=$1 who=$2 home
  home=$([ "$who" = root ] && echo /root || echo "/home/$who")
  as() { local user=$1; shift; chroot "$root" su "$user" -c "export PATH=$swift_path:/usr/local/bin:/usr/bin:/bin:/sbin:/usr/sbin; $*" </dev/null; }
  without_network() { unshare --net chroot "$root" su "$1" -c "export PATH=$swift_path:/usr/local/bin:/usr/bin:/bin:/sbin:/usr/sbin; $2"; }
  git -c safe.directory='*' clone -q "$sources" "$root/$home/alora"
  chroot "$root" chown -R "$who:" "$home/alora"
  as guest "git -c safe.directory='*' clone -q $home/alora ~/alora" 2>/dev/null || cp -r "$root/$home/alora" "$root/home/guest/" && chroot "$root" chown -R guest: /home/guest
  refused() { # WHAT TEXT COMMAND…: it fails, with the text in one line.
    local what=$1 text=$2 said; shift 2
    if said=$("$@" 2>&1); then echo "✘ $what: it went on"; return 1; fi
    grep -q "$text" <<<"$said" || { echo "✘ $what:"; tail -n 5 <<<"$said"; return 1; }
    echo "✔ $what: $(grep -m 1 "$text" <<<"$said")"
  }
  refused "without Swift" "Swift 6.2 or newer is needed" chroot "$root" su guest -c "cd ~/alora && PATH=/usr/bin:/bin:/usr/sbin:/sbin make build"
  refused "without the right to install" "ask an administrator to run: apt-get update" as guest "cd ~/alora && make build"
  timed() { local what=$1 start=$SECONDS; shift; "$@" || { echo "✘ $what: exit code $?"; return 1; }; echo "✔ $what: $((SECONDS - start)) s"; }
  timed "make demo" as "$who" "cd ~/alora && make demo"
  timed "make test" as "$who" "cd ~/alora && make test"
  timed "make demo, again" as "$who" "cd ~/alora && make demo" >"$root/tmp/again"
  if grep -E 'Compiling|Downloading|Installing|Collecting' "$root/tmp/again"; then echo "✘ the second make demo does it again"; return 1; fi
  # The archive is built on the oldest system, whose glibc all others have.
  [ "$SUITE" != bookworm ] || timed "make package" as "$who" "cd ~/alora && make package"
  mkdir -p "$top/binaries" && cp "$root/$home/alora/.build/release/alora" "$top/binaries/alora-$SUITE"
  as "$who" "rm -rf ~/alora/.cache/venv ~/alora/.cache/*.gguf"
  without_network "$who" "cd ~/alora && make demo" >"$root/tmp/offline" 2>&1 || { tail -n 20 "$root/tmp/offline"; echo "✘ make demo without PyPI"; return 1; }
  grep -q '^Skipped' "$root/tmp/offline" && echo "✔ make demo without PyPI: $(grep -c '^\$ alora' "$root/tmp/offline") commands ran, the rest is reported as skipped"
  as "$who" "git clone -q ~/alora ~/other"
  refused "without GitHub" "could not be fetched from github.com" without_network "$who" \
    "cd ~/other && HOME=/tmp/none GIT_CONFIG_NOSYSTEM=1 XDG_CACHE_HOME=/tmp/none make build"
}

# The binary of every suite on a bare root of every suite that is not older.
binary() {
  local root=$1 file=$2
  mkdir -p "$root/opt/alora" && cp "$file" "$root/opt/alora/alora" && cp -r testdata/inference/llama "$root/opt/alora/"
  chroot "$root" sh -c 'cd /opt/alora && ./alora --version && ./alora verify --model llama/base --adapter llama/adapter --golden llama/golden.npz --quiet'
}

mkdir -p "$top"
failed=0
for case in "$@"; do
  suite=${case%:*} who=${case#*:}
  start=$SECONDS log=$top/$suite-$who.log
  prepare "$suite"
  rm -rf "$top/run-$suite-$who"
  export SUITE=$suite
  echo "== Debian $suite as $who (log: .cache/roots/$suite-$who.log)"
  if enter "$top/run-$suite-$who" "$top/swift-$suite/upper:$top/bare-$suite" bash -c "$(declare -f newcomer); sources=$sources top=$top swift_path=$swift_path
    set -euo pipefail; newcomer $top/run-$suite-$who/root $who" 2>&1 | tee "$log" | grep --line-buffered -E '^(✔|✘) '; then
    echo "== $case: passed in $((SECONDS - start)) s"
  else
    echo "== $case: FAILED after $((SECONDS - start)) s" >&2
    failed=1
  fi
  [ -n "${KEEP:-}" ] || rm -rf "$top/run-$suite-$who"
done
shopt -s nullglob
for file in "$top"/binaries/alora-*; do
  for bare in "$top"/bare-*.complete; do
    suite=${bare#"$top"/bare-} suite=${suite%.complete}
    # A binary of the newer system is not for the older.
    [ "$suite" = bookworm ] && [ "$file" = "$top/binaries/alora-trixie" ] && continue
    if enter "$top/run-bare" "$top/bare-$suite" bash -c "$(declare -f binary); set -euo pipefail; binary $top/run-bare/root $file" >"$top/bare-run.log" 2>&1; then
      echo "✔ ${file##*/} runs on a bare $suite"
    else
      echo "✘ ${file##*/} on a bare $suite: $(tail -n 1 "$top/bare-run.log")" >&2
      failed=1
    fi
    rm -rf "$top/run-bare"
  done
done
exit $failed
