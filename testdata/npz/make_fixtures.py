"""Writes the .npz files of this directory with NumPy (numpy==2.4.6), and expected.json with what they hold."""

import io
import json
import pathlib
import warnings

import numpy as np

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(11)

FLOATS = np.array([[0.0, -0.0, 1.5, -2.25], [65504.0, 6.1e-5, 5.9604645e-08, 0.1], [np.inf, -np.inf, 3.0, 1e-7]])
arrays = {}
for order in "<>":
    tag = "le" if order == "<" else "be"
    for size in (2, 4, 8):
        arrays[f"f{size}_{tag}"] = FLOATS.astype(f"{order}f{size}")
    for size in (1, 2, 4, 8):
        info = np.iinfo(f"i{size}")
        arrays[f"i{size}_{tag}"] = np.array([info.min, -1, 0, 1, info.max], dtype=f"{order}i{size}")
        top = min(np.iinfo(f"u{size}").max, 2**63 - 1)
        arrays[f"u{size}_{tag}"] = np.array([0, 1, top], dtype=f"{order}u{size}")
    arrays[f"text_{tag}"] = np.array("Grüße, \U0001F999", dtype=f"{order}U12")
arrays["bool"] = np.array([[True, False], [False, True]])
arrays["fortran"] = np.asfortranarray(np.arange(24, dtype=np.float32).reshape(2, 3, 4))
arrays["fortran_i"] = np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3))
arrays["fortran_vector"] = np.asfortranarray(np.arange(3, dtype=np.float32))
arrays["scalar"] = np.int64(-1)
arrays["empty"] = np.zeros((0, 5), dtype=np.float32)
arrays["meta"] = np.bytes_('{"model": "é"}'.encode())
arrays["utf8"] = np.frombuffer("é\0".encode(), dtype=np.uint8)
arrays["sub/é"] = np.array([7], dtype=np.int32)
arrays["logits"] = rng.standard_normal((5, 300)).astype(np.float32)
arrays["zeros"] = np.zeros((40, 500), dtype=np.float32)


def expected():
    result = {}
    for name, array in arrays.items():
        array = np.asarray(array)
        entry = {"shape": list(array.shape), "descr": array.dtype.str}
        if array.dtype.kind == "f":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                bits = array.astype("<f4").flatten(order="C").view("<u4")
            entry["f32_bits"] = [int(value) for value in bits] if name != "zeros" else []
        elif array.dtype.kind in "iub":
            entry["integers"] = [int(value) for value in array.flatten(order="C")]
        elif array.dtype.kind == "U":
            entry["text"] = str(array)
        else:
            entry["text"] = bytes(array).rstrip(b"\0").decode()
        result[name] = entry
    return result


class Pipe(io.RawIOBase):
    """A file that cannot seek: zipfile then writes data descriptors."""

    def __init__(self, path):
        self.file = open(path, "wb")

    def writable(self):
        return True

    def write(self, data):
        return self.file.write(data)

    def close(self):
        self.file.close()
        super().close()


np.savez(HERE / "stored.npz", **arrays)
np.savez_compressed(HERE / "compressed.npz", **arrays)
pipe = Pipe(HERE / "streamed.npz")
np.savez_compressed(pipe, **{name: arrays[name] for name in ("f4_le", "logits", "scalar", "meta")})
pipe.close()
np.save(HERE / "plain.npy", arrays["fortran"])
with open(HERE / "version2.npy", "wb") as file:
    np.lib.format.write_array(file, arrays["f4_be"], version=(2, 0))
np.savez(HERE / "object.npz", a=np.array([{"x": 1}, None], dtype=object))
np.savez(HERE / "records.npz", a=np.zeros(2, dtype=[("x", "<f4"), ("y", "<i4")]))
np.savez(HERE / "complex.npz", a=np.zeros(2, dtype=np.complex64))
(HERE / "expected.json").write_text(json.dumps(expected(), indent=1, ensure_ascii=False) + "\n")
