"""Another adapter with weights of its own."""

import json
import pathlib
import struct

from server import variant


def negated(adapter, folder, **changes):
    """An adapter with the opposite of every update: the sign of each `lora_B` is changed."""
    directory = variant(adapter, folder, **changes)
    path = pathlib.Path(directory, "adapter_model.safetensors")
    data = bytearray(path.read_bytes())
    (length,) = struct.unpack_from("<Q", data)
    start = 8 + length
    for name, entry in json.loads(data[8:start]).items():
        if not name.endswith("lora_B.weight"):
            continue
        width = {"F32": 4, "F16": 2, "BF16": 2}[entry["dtype"]]
        first, end = entry["data_offsets"]
        # The sign is the top bit of the last byte.
        signs = slice(start + first + width - 1, start + end, width)
        data[signs] = bytes(byte ^ 0x80 for byte in data[signs])
    path.write_bytes(data)
    return directory
