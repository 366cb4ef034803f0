#include <string.h>

#include "formats.h"

// Columns (in blocks) are packed in strips, so that the strip of 32 rows being written stays in the first-level cache.
#define STRIP_BYTES 16384

size_t alora_panel_count(size_t rows) { return (rows + ALORA_PANEL_ROWS - 1) / ALORA_PANEL_ROWS; }

size_t alora_panel_byte_count(alora_type type, size_t columns) {
  const alora_format format = alora_format_of(type);
  return format.columns == 0 ? 0 : ALORA_PANEL_ROWS * (columns / format.columns) * format.bytes;
}

size_t alora_packed_byte_count(alora_type type, size_t rows, size_t columns) {
  return alora_panel_count(rows) * alora_panel_byte_count(type, columns);
}

//   source: one row's blocks, `blocks` of them      panel: the panel's block 0; `row` is 0 ..< 32
static inline void pack_row(const alora_format format, const uint8_t *restrict source, size_t blocks, size_t row,
                            uint8_t *restrict panel) {
  const size_t halves_at = 128 * format.words, bytes_at = halves_at + 64 * format.halves;
  for (size_t block = 0; block < blocks; block++) {
    const uint8_t *from = source + block * format.bytes;
    uint8_t *to = panel + block * 32 * format.bytes;
    for (size_t i = 0; i < format.words; i++) memcpy(to + 128 * i + 4 * row, from + format.words_offset + 4 * i, 4);
    for (size_t i = 0; i < format.halves; i++)
      memcpy(to + halves_at + 64 * i + 2 * row, from + format.halves_offset + 2 * i, 2);
    for (size_t i = 0; i < format.single_bytes; i++) to[bytes_at + 32 * i + row] = from[i];
  }
}

void alora_pack(alora_type type, const void *restrict source, size_t rows, size_t columns, size_t first_panel,
                size_t panel_count, void *restrict packed) {
  const alora_format format = alora_format_of(type);
  if (format.columns == 0) return;
  const size_t blocks = columns / format.columns, row_bytes = blocks * format.bytes;
  size_t strip = STRIP_BYTES / (32 * format.bytes);
  strip = strip == 0 ? 1 : strip;
  for (size_t p = first_panel; p < first_panel + panel_count; p++) {
    uint8_t *panel = (uint8_t *)packed + p * 32 * row_bytes;
    const size_t first_row = 32 * p, present = rows - first_row < 32 ? rows - first_row : 32;
    if (present < 32) memset(panel, 0, 32 * row_bytes);
    for (size_t start = 0; start < blocks; start += strip) {
      const size_t count = blocks - start < strip ? blocks - start : strip;
      for (size_t row = 0; row < present; row++)
        pack_row(format, (const uint8_t *)source + (first_row + row) * row_bytes + start * format.bytes, count, row,
                 panel + start * 32 * format.bytes);
    }
  }
}
