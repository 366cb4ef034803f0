#include <string.h>

#include "formats.h"
#include "pack_coded.h"
#include "transpose.h"

// Columns (in blocks) are packed in strips, so that the strip of 32 rows being written stays in the first-level cache.
#define STRIP_BYTES 16384

size_t alora_panel_count(size_t rows) { return (rows + ALORA_PANEL_ROWS - 1) / ALORA_PANEL_ROWS; }

size_t alora_panel_byte_count(alora_type type, size_t columns) {
  const alora_format format = alora_format_of(type);
  if (format.columns == 0) return 0;
  return ALORA_PANEL_ROWS * (columns / format.columns) * (format.packed_bytes ? format.packed_bytes : format.bytes);
}

size_t alora_packed_byte_count(alora_type type, size_t rows, size_t columns) {
  return alora_panel_count(rows) * alora_panel_byte_count(type, columns);
}

// Eight rows of eight halves change places: bits move, none changes. See transpose_words.
typedef uint16_t halves8 __attribute__((vector_size(16)));

//   source: eight rows, row_bytes apart     to: half i of the eight rows goes to to + i * step
static inline void transpose_halves(const uint8_t *restrict source, size_t row_bytes, uint8_t *restrict to, size_t step) {
  halves8 r[8], s[8];
  for (size_t i = 0; i < 8; i++) memcpy(&r[i], source + i * row_bytes, 16);
  // Three times, rows that lie four apart are interleaved: the numbers of row and column change their bits one by one.
  for (int round = 0; round < 3; round++) {
    for (size_t i = 0; i < 4; i++) {
      s[2 * i] = __builtin_shufflevector(r[i], r[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
      s[2 * i + 1] = __builtin_shufflevector(r[i], r[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
    }
    memcpy(r, s, sizeof r);
  }
  for (size_t i = 0; i < 8; i++) memcpy(to + i * step, &r[i], 16);
}

// A place among `blocks` blocks of 32 rows.
typedef struct pack_place {
  const uint8_t *source;  // row 0's blocks
  size_t row_bytes, blocks;
  uint8_t *panel;         // where the panel keeps the first of them
} pack_place;

// The fields of one row from block `block` on, one by one; of the words those from `word` on.
static inline void pack_row(const alora_format format, const pack_place at, size_t row, size_t block, size_t word) {
  const size_t halves_at = 128 * format.words, bytes_at = halves_at + 64 * format.halves;
  for (; block < at.blocks; block++) {
    const uint8_t *from = at.source + row * at.row_bytes + block * format.bytes;
    uint8_t *to = at.panel + block * 32 * format.bytes;
    for (size_t i = word; i < format.words; i++) memcpy(to + 128 * i + 4 * row, from + format.words_offset + 4 * i, 4);
    for (size_t i = 0; i < format.halves; i++)
      memcpy(to + halves_at + 64 * i + 2 * row, from + format.halves_offset + 2 * i, 2);
    for (size_t i = 0; i < format.single_bytes; i++) to[bytes_at + 32 * i + row] = from[i];
  }
}

// Eight rows, which are all there.
static inline void pack_rows(const alora_format format, const pack_place at, size_t row) {
  const uint8_t *rows = at.source + row * at.row_bytes;
  size_t block = 0, word = 0;
  if (format.columns == 1) {
    const size_t step = 32 * format.bytes, lanes = 16 / format.bytes;
    for (; block + lanes <= at.blocks; block += lanes) {
      const uint8_t *from = rows + block * format.bytes;
      uint8_t *to = at.panel + block * step + row * format.bytes;
      if (format.bytes == 2) transpose_halves(from, at.row_bytes, to, step);
      else
        for (size_t r = 0; r < 8; r += 4) transpose_words(from + r * at.row_bytes, at.row_bytes, to + 4 * r, step);
    }
  } else {
    for (size_t b = 0; b < at.blocks; b++)
      for (word = 0; word + 4 <= format.words; word += 4)
        for (size_t r = 0; r < 8; r += 4)
          transpose_words(rows + b * format.bytes + format.words_offset + 4 * word + r * at.row_bytes, at.row_bytes,
                          at.panel + b * 32 * format.bytes + 128 * word + 4 * (row + r), 128);
  }
  for (size_t r = 0; r < 8; r++) pack_row(format, at, row + r, block, word);
}

void alora_pack(alora_type type, const void *restrict source, size_t rows, size_t columns, size_t first_panel,
                size_t panel_count, void *restrict packed) {
  const alora_format format = alora_format_of(type);
  if (format.columns == 0) return;
  const size_t blocks = columns / format.columns, row_bytes = blocks * format.bytes, panel_bytes = alora_panel_byte_count(type, columns);
  size_t strip = STRIP_BYTES / (32 * format.bytes);
  strip = strip == 0 ? 1 : strip;
  for (size_t p = first_panel; p < first_panel + panel_count; p++) {
    uint8_t *panel = (uint8_t *)packed + p * panel_bytes;
    const size_t first_row = 32 * p, present = rows - first_row < 32 ? rows - first_row : 32;
    if (present < 32) memset(panel, 0, panel_bytes);
    if (format.packed_bytes) {
      alora_pack_coded(type, (const uint8_t *)source + first_row * row_bytes, present, blocks, panel);
      continue;
    }
    for (size_t start = 0; start < blocks; start += strip) {
      const pack_place at = {(const uint8_t *)source + first_row * row_bytes + start * format.bytes, row_bytes,
                             blocks - start < strip ? blocks - start : strip, panel + start * 32 * format.bytes};
      size_t row = 0;
      for (; row + 8 <= present; row += 8) pack_rows(format, at, row);
      for (; row < present; row++) pack_row(format, at, row, 0, 0);
      alora_pack_numbers(type, at.panel, at.blocks);
    }
  }
}
