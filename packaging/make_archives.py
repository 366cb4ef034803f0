#!/usr/bin/env python3
"""Archives, the Homebrew formula and checksums, with the same bytes for the same input.

    make_archives.py archive TREE OUTPUT PREFIX
    make_archives.py formula TEMPLATE SOURCE VERSION OUTPUT
    make_archives.py checksums DIRECTORY
"""
import gzip
import hashlib
import os
import sys
import tarfile
from pathlib import Path

TIME = int(os.environ.get("SOURCE_DATE_EPOCH", "1577836800"))
# Where a release puts its files; the project has no fixed address.
RELEASE_URL = os.environ.get("ALORA_RELEASE_URL", "https://github.com/OWNER/alora/releases/download/v{version}")


def add_tree(archive, tree, prefix):
    """All of a tree, in the order of names, owned by root and with one time."""
    for path in [tree, *sorted(tree.rglob("*"), key=lambda path: str(path.relative_to(tree)).encode())]:
        name = "/".join(part for part in (prefix, str(path.relative_to(tree))) if part and part != ".")
        if not name:
            continue
        member = archive.gettarinfo(path, name)
        member.mtime, member.uid, member.gid, member.uname, member.gname = TIME, 0, 0, "root", "root"
        member.mode = 0o755 if path.is_dir() or member.mode & 0o100 else 0o644
        if member.isfile():
            with path.open("rb") as file:
                archive.addfile(member, file)
        else:
            archive.addfile(member)


def archive(tree, output, prefix):
    with open(output, "wb") as file, gzip.GzipFile("", "wb", 9, file, TIME) as compressed:
        with tarfile.open(fileobj=compressed, mode="w", format=tarfile.GNU_FORMAT) as tar:
            add_tree(tar, Path(tree), prefix)


def formula(template, source, version, output):
    url = f"{RELEASE_URL.format(version=version)}/{Path(source).name}"
    text = Path(template).read_text()
    for name, value in {"@VERSION@": version, "@URL@": url, "@SHA256@": digest(source)}.items():
        text = text.replace(name, value)
    Path(output).write_text(text)


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def checksums(directory):
    """As sha256sum writes and checks them."""
    for path in sorted(Path(directory).iterdir()):
        if path.is_file() and path.name != "SHA256SUMS":
            print(f"{digest(path)}  {path.name}")


if __name__ == "__main__":
    {"archive": archive, "formula": formula, "checksums": checksums}[sys.argv[1]](*sys.argv[2:])
