#!/usr/bin/env python3
"""A container image as an OCI archive, made without a container engine: make_image.py TREE OUTPUT VERSION.

The image holds the command, the shared libraries that it needs, and nothing else: no shell, no package manager. It runs as an
unprivileged user in /work. Any engine loads it (`podman load -i`, `docker load -i`, `skopeo copy oci-archive:…`). The libraries are
those of the machine that makes the image, so make it on the system whose updates it should follow.
"""
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from make_archives import TIME, add_tree

USER = 65532
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def libraries(binary):
    """The files that the loader opens for a binary, the loader among them, by the paths it uses."""
    listed = subprocess.run(["ldd", str(binary)], check=True, capture_output=True, text=True).stdout
    assert "not found" not in listed, listed
    return sorted(set(re.findall(r"(/\S+) \(0x", listed)))


def copyright_of(library):
    """Debian's record of a library's licence."""
    for path in {library, os.path.realpath(library), os.path.realpath(library).removeprefix("/usr")}:
        found = subprocess.run(["dpkg", "-S", path], check=False, capture_output=True, text=True)
        if found.returncode == 0:
            package = found.stdout.split(":")[0]
            record = Path(f"/usr/share/doc/{package}/copyright")
            return (package, record) if record.exists() else None
    return None


def make_root(tree, root):
    (root / "usr").mkdir()
    shutil.copytree(tree / "bin", root / "usr/bin")
    shutil.copytree(tree / "share/doc", root / "usr/share/doc")
    for library in libraries(tree / "bin/alora"):
        target = root / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
        if record := copyright_of(library):
            (root / f"usr/share/doc/{record[0]}").mkdir(parents=True, exist_ok=True)
            shutil.copy(record[1], root / f"usr/share/doc/{record[0]}/copyright")
    for name in ("etc", "tmp", "work"):
        (root / name).mkdir()
    (root / "etc/passwd").write_text(f"root:x:0:0:root:/:/nologin\nalora:x:{USER}:{USER}:alora:/work:/nologin\n")
    (root / "etc/group").write_text(f"root:x:0:\nalora:x:{USER}:\n")


def layer_of(root):
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
        add_tree(tar, root, "")
    return plain.getvalue()


def compressed(data):
    output = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, output, TIME) as file:
        file.write(data)
    return output.getvalue()


def make_image(tree, output, version):
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        make_root(Path(tree), root)
        plain = layer_of(root)
    blobs = {}

    def blob(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def document(value):
        return json.dumps(value, indent=1, sort_keys=True).encode()

    created = datetime.fromtimestamp(TIME, timezone.utc).isoformat().replace("+00:00", "Z")
    machine = os.uname().machine
    labels = {
        "org.opencontainers.image.title": "alora",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0",
    }
    layer = blob(compressed(plain), "application/vnd.oci.image.layer.v1.tar+gzip")
    configuration = blob(
        document({
            "architecture": ARCHITECTURES.get(machine, machine),
            "os": "linux",
            "created": created,
            "config": {"Entrypoint": ["/usr/bin/alora"], "User": str(USER), "WorkingDir": "/work", "Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(plain).hexdigest()}"]},
            "history": [{"created": created, "created_by": "packaging/make_image.py"}],
        }),
        "application/vnd.oci.image.config.v1+json")
    manifest = blob(
        document({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": configuration,
            "layers": [layer],
        }),
        "application/vnd.oci.image.manifest.v1+json")
    manifest["annotations"] = {"org.opencontainers.image.ref.name": version}
    blobs["index.json"] = document({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest],
    })
    blobs["oci-layout"] = document({"imageLayoutVersion": "1.0.0"})
    with tarfile.open(output, "w", format=tarfile.GNU_FORMAT) as tar:
        for name in ("blobs", "blobs/sha256"):
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.mtime = tarfile.DIRTYPE, 0o755, TIME
            tar.addfile(member)
        for name, data in sorted(blobs.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(data), 0o644, TIME
            tar.addfile(member, io.BytesIO(data))


if __name__ == "__main__":
    make_image(*sys.argv[1:])
