"""What of goldens needs no torch: where the adapter begins, which rows are kept, and the file. integration/ tests the rest."""

from pathlib import Path
from typing import Any

import alora_gguf
import numpy
import pytest
from alora_gguf import golden


@pytest.mark.parametrize(
    ("ids", "invocation", "start"),
    [
        ([1, 7, 9, 7, 2], [7, 9, 7], 1),
        ([7, 9, 7, 1, 7, 9, 7], [7, 9, 7], 4),
        ([7, 9, 7, 9, 7], [7, 9, 7], 2),
        ([7, 9], [7, 9, 7], -1),
        ([1, 2, 3], [7], -1),
        ([7], [7], 0),
        ([1, 2, 3], None, 0),
    ],
)
def test_the_adapter_begins_at_the_last_occurrence(ids: list[int], invocation: list[int] | None, start: int) -> None:
    assert golden._activation_start(ids, invocation) == start


@pytest.mark.parametrize(
    ("positions", "start", "rows"),
    [
        ("all", 3, [0, 1, 2, 3, 4, 5]),
        ("around", 3, [1, 2, 3, 4, 5]),
        ("around", 1, [0, 1, 2, 3, 4, 5]),
        ("around", -1, [5]),
        ("last", 3, [5]),
    ],
)
def test_the_rows_that_are_kept(positions: Any, start: int, rows: list[int]) -> None:
    assert golden._rows(positions, 6, start) == rows


def test_the_file_appears_whole_and_the_command_reads_it(llama: Path, tmp_path: Path) -> None:
    with numpy.load(llama / "golden.npz") as arrays:
        golden._write(dict(arrays) | {"meta": numpy.array('{"by": "a test"}')}, tmp_path / "golden.npz", force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["golden.npz"]
    shown = alora_gguf.inspect(tmp_path / "golden.npz")
    assert shown.meta == '{"by": "a test"}'
    assert alora_gguf.verify(llama / "base", llama / "adapter", golden=tmp_path / "golden.npz").passed
    with pytest.raises(FileExistsError):
        golden._write({}, tmp_path / "golden.npz", force=False)
