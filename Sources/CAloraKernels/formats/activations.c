// Moving floats into the orders that the kernels read: activations in tiles, keys and values in cache blocks.
#include "../shared/table.h"
#include "transpose.h"

size_t alora_tile_count(size_t token_count) { return (token_count + ALORA_TILE_TOKENS - 1) / ALORA_TILE_TOKENS; }

size_t alora_tile_first_token(size_t tile, size_t token_count) {
  return token_count == 0 ? 0 : alora_tile_start(tile, alora_tile_count(token_count), token_count);
}

void alora_pack_activations(const float *restrict x, size_t x_stride, size_t token_count, size_t columns,
                            size_t first_tile, size_t tile_count, float *restrict packed) {
  const size_t tiles = alora_tile_count(token_count);
  for (size_t tile = first_tile; tile < first_tile + tile_count; tile++) {
    const size_t start = alora_tile_start(tile, tiles, token_count);
    const size_t tokens = alora_tile_start(tile + 1, tiles, token_count) - start;
    const float *rows[ALORA_TILE_TOKENS];
    for (size_t i = 0; i < tokens; i++) rows[i] = x + (start + i) * x_stride;
    transpose_rows(rows, tokens, columns, packed + start * columns);
  }
}

size_t alora_key_block_float_count(size_t head_dim) { return 32 * head_dim; }
size_t alora_value_block_float_count(size_t head_dim) { return 32 * ((head_dim + 31) / 32 * 32); }

void alora_store_keys(const float *restrict x, size_t x_stride, size_t token_count, size_t head_dim,
                      size_t first_position, float *const *blocks) {
  for (size_t t = 0; t < token_count;) {
    const size_t position = first_position + t;
    float *column = blocks[position / 32] + position % 32;
    size_t d = 0, together = 1;
    if (position % 4 == 0 && t + 4 <= token_count) {
      together = 4;
      for (; d + 4 <= head_dim; d += 4)
        transpose_words((const uint8_t *)(x + t * x_stride + d), 4 * x_stride, (uint8_t *)(column + 32 * d), 4 * 32);
    }
    for (; d < head_dim; d++)
      for (size_t i = 0; i < together; i++) column[32 * d + i] = x[(t + i) * x_stride + d];
    t += together;
  }
}

void alora_store_values(const float *restrict x, size_t x_stride, size_t token_count, size_t head_dim,
                        size_t first_position, float *const *blocks) {
  for (size_t t = 0; t < token_count; t++) {
    const size_t position = first_position + t;
    float *row = blocks[position / 32] + 32 * (position % 32);
    for (size_t d = 0; d < head_dim; d++) row[1024 * (d / 32) + d % 32] = x[t * x_stride + d];
  }
}
