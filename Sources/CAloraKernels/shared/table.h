// What one instruction set implements; `alora_…` entries look their function up here. Signatures as in alora_kernels.h.
#ifndef ALORA_TABLE_H
#define ALORA_TABLE_H

#include "../include/alora_kernels.h"

// One matrix product's fixed arguments; see alora_matmul.
typedef void alora_matmul_function(alora_type type, const void *restrict weights, size_t rows, size_t columns,
                                   size_t first_panel, size_t panel_count, const float *restrict x, size_t token_count,
                                   size_t first_tile, size_t tile_count, float *restrict y, size_t y_stride);
typedef void alora_attend_function(const alora_attention *shape, const float *restrict q, size_t q_stride,
                                   size_t first_position, size_t token_count, const float *const *key_blocks,
                                   const float *const *value_blocks, float *restrict y, size_t y_stride,
                                   void *restrict scratch);

typedef struct alora_table {
  alora_matmul_function *matmul;
  alora_attend_function *attend;
  void (*add)(const float *a, const float *b, float *y, size_t count);
  void (*multiply)(const float *a, const float *b, float *y, size_t count);
  void (*scale)(float scale, const float *x, float *y, size_t count);
  void (*add_scaled)(float scale, const float *x, float *y, size_t count);
  void (*soft_cap)(float cap, const float *x, float *y, size_t count);
  void (*exp)(const float *x, float *y, size_t count);
  void (*tanh)(const float *x, float *y, size_t count);
  void (*silu_multiply)(const float *gate, const float *up, float *y, size_t count);
  void (*gelu_tanh_multiply)(const float *gate, const float *up, float *y, size_t count);
  void (*clamped_swish_multiply)(float slope, float limit, const float *gate, const float *up, float *y, size_t count);
  void (*sigmoid)(const float *x, float *y, size_t count);
  void (*relu_squared)(const float *x, float *y, size_t count);
  void (*l2_norm)(const float *x, size_t x_stride, float epsilon, float scale, float *y, size_t y_stride,
                  size_t token_count, size_t n);
  void (*rms_norm)(const float *x, size_t x_stride, const float *restrict weight, float epsilon, float *y,
                   size_t y_stride, size_t token_count, size_t n);
  void (*layer_norm)(const float *x, size_t x_stride, const float *restrict weight, float epsilon, float *y,
                     size_t y_stride, size_t token_count, size_t n);
  void (*cut_off)(const float *x, size_t x_stride, float multiplier, float *y, size_t y_stride, size_t token_count,
                  size_t n);
  void (*match_magnitude)(const float *x, size_t x_stride, const float *target, size_t target_stride, float least,
                          float *y, size_t y_stride, size_t token_count, size_t n);
  void (*softmax)(const float *x, float *y, size_t n);
  void (*rope)(alora_rope_layout layout, float *restrict x, size_t x_stride, size_t token_count, size_t head_count,
               size_t head_dim, const float *restrict cosines, const float *restrict sines, size_t n);
  void (*convolve)(const float *restrict x, size_t x_stride, const float *restrict history, const float *restrict weights,
                   const float *restrict bias, size_t kernel, size_t channels, int applies_silu, size_t first_token,
                   size_t token_count, float *restrict y, size_t y_stride);
  void (*scan_head)(const alora_scan *scan, const float *state_in, float *state_out);
  void (*delta_head)(const alora_delta *delta, const float *state_in, float *state_out);
  double (*measure_fma)(size_t iterations, float *restrict sink);
  uint32_t (*measure_read)(const void *restrict data, size_t byte_count);
} alora_table;

// Tokens in tile i of T tokens: the tiles are as even as can be, at most 12 each. Tile i starts at token i * T / tiles.
#define ALORA_TILE_TOKENS 12
static inline size_t alora_tile_start(size_t tile, size_t tile_count, size_t token_count) {
  return tile * (token_count / tile_count) + tile * (token_count % tile_count) / tile_count;
}

#endif
