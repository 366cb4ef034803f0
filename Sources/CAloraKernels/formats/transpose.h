// Rows and columns of words change places: bits move, none changes. Without this, packing writes four bytes at a time, each
// to another line.
#ifndef ALORA_TRANSPOSE_H
#define ALORA_TRANSPOSE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint32_t words4 __attribute__((vector_size(16)));

//   rows: four places, four words each     to: word i of the four rows goes to to + i * step
static inline void transpose_words_of(const void *const rows[4], uint8_t *restrict to, size_t step) {
  words4 r[4];
  for (size_t i = 0; i < 4; i++) memcpy(&r[i], rows[i], 16);
  const words4 a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5), b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
  const words4 c = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7), d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  r[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
  r[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  r[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5);
  r[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
  for (size_t i = 0; i < 4; i++) memcpy(to + i * step, &r[i], 16);
}

// Rows of floats: column k of all of them goes to to + k * count.
static inline void transpose_rows(const float *const *rows, size_t count, size_t columns, float *restrict to) {
  size_t k = 0;
  for (; k + 4 <= columns; k += 4) {
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
      const void *const four[4] = {rows[i] + k, rows[i + 1] + k, rows[i + 2] + k, rows[i + 3] + k};
      transpose_words_of(four, (uint8_t *)(to + k * count + i), 4 * count);
    }
    for (; i < count; i++)
      for (size_t j = 0; j < 4; j++) to[(k + j) * count + i] = rows[i][k + j];
  }
  for (; k < columns; k++)
    for (size_t i = 0; i < count; i++) to[k * count + i] = rows[i][k];
}

// The same as the first for rows that are row_bytes apart.
static inline void transpose_words(const uint8_t *restrict source, size_t row_bytes, uint8_t *restrict to, size_t step) {
  const void *const rows[4] = {source, source + row_bytes, source + 2 * row_bytes, source + 3 * row_bytes};
  transpose_words_of(rows, to, step);
}

#endif
