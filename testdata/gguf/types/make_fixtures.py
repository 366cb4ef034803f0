"""Writes the GGUF files of this directory with the `gguf` package (pip install gguf==0.19.0).

They are what AloraGGUF's reader must read and its writer must write again, byte for byte.
"""

import json
import pathlib

import gguf
import numpy as np
from gguf import GGMLQuantizationType, GGUFEndian, GGUFValueType

HERE = pathlib.Path(__file__).parent


def add_metadata(writer):
    writer.add_uint8("t.u8", 200)
    writer.add_int8("t.i8", -100)
    writer.add_uint16("t.u16", 60000)
    writer.add_int16("t.i16", -30000)
    writer.add_uint32("t.u32", 4000000000)
    writer.add_int32("t.i32", -2000000000)
    writer.add_float32("t.f32", 1.5)
    writer.add_bool("t.bool", True)
    writer.add_string("t.str", "Grüße, \U0001F999")
    writer.add_uint64("t.u64", 2**64 - 1)
    writer.add_int64("t.i64", -(2**63))
    writer.add_float64("t.f64", 0.1)
    writer.add_key_value("t.arr_u32", [64, 65, 4000000000], GGUFValueType.ARRAY, GGUFValueType.UINT32)
    writer.add_key_value("t.arr_u8", [1, 2, 3], GGUFValueType.ARRAY, GGUFValueType.UINT8)
    writer.add_array("t.arr_i32", [-1, 2, 3])
    writer.add_array("t.arr_f32", [0.5, -2.0])
    writer.add_array("t.arr_bool", [True, False, True])
    writer.add_array("t.arr_str", ["a", "", "\u00e9", "e\u0301"])
    writer.add_key_value("t.arr_bytes", [b"\xff\xfe", b"\x00"], GGUFValueType.ARRAY, GGUFValueType.STRING)
    writer.add_array("t.nested", [[1, 2], [3]])
    writer.add_array("t.nested_str", [[["a"], ["b", "c"]], [["d"]]])


def all_types(name, endianess=GGUFEndian.LITTLE, alignment=None):
    writer = gguf.GGUFWriter(HERE / name, "test", endianess=endianess)
    if alignment:
        writer.add_custom_alignment(alignment)
    add_metadata(writer)
    rng = np.random.default_rng(7)
    if endianess == GGUFEndian.LITTLE:
        for dtype in GGMLQuantizationType:
            block, byte_count = gguf.GGML_QUANT_SIZES[dtype]
            if dtype.name == "Q8_1":
                continue  # its size in this version of the package is not ggml's
            rows = 3
            columns = block if block > 1 else 5
            data = rng.integers(0, 256, size=(rows, columns // block * byte_count), dtype=np.uint8)
            writer.add_tensor(f"t.{dtype.name}", data, raw_dtype=dtype)
    writer.add_tensor("x.scalar", np.array(2.5, dtype=np.float32))
    writer.add_tensor("x.empty", np.zeros((0, 4), dtype=np.float32))
    writer.add_tensor("x.four", np.arange(24, dtype=np.float16).reshape(1, 2, 3, 4))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def split():
    writer = gguf.GGUFWriter(HERE / "split.gguf", "test", split_max_tensors=2)
    for index in range(5):
        writer.add_tensor(f"blk.{index}.w", np.full((2, 3), index, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def sizes():
    table = {}
    for dtype in GGMLQuantizationType:
        block, byte_count = gguf.GGML_QUANT_SIZES[dtype]
        table[dtype.name] = [int(dtype), block, byte_count]
    (HERE / "quant-sizes.json").write_text(json.dumps(table, indent=1) + "\n")


all_types("all-types.gguf")
all_types("all-types-big-endian.gguf", endianess=GGUFEndian.BIG)
all_types("aligned-64.gguf", alignment=64)
split()
sizes()
