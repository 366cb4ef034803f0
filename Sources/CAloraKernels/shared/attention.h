// How attention divides its scratch memory. The same for every instruction set.
#ifndef ALORA_ATTENTION_H
#define ALORA_ATTENTION_H

#include "../include/alora_kernels.h"

#define ALORA_PASS_TILES 2
#define ALORA_PASS_ROWS (ALORA_PASS_TILES * 12)

// Places are in floats from the start of the scratch memory, which begins with the scores.
typedef struct alora_attention_layout {
  size_t stride;         // between rows of scores: a multiple of 16, and odd in units of 16, to spread over cache sets
  size_t output_stride;  // between rows of outputs: head_dim rounded up to panels
  size_t queries_at, outputs_at, sums_at, count;
} alora_attention_layout;

static inline alora_attention_layout alora_attention_layout_of(const alora_attention *shape, size_t first_position,
                                                               size_t token_count) {
  const size_t total = first_position + token_count, tokens_of_pass = ALORA_PASS_ROWS / shape->group + 2;
  size_t span = shape->window == 0 ? total : shape->window + tokens_of_pass;
  if (shape->chunk != 0 && span > shape->chunk + tokens_of_pass) span = shape->chunk + tokens_of_pass;
  if (span > total) span = total;
  span = (span + 31) / 32 * 32 + 64;  // blocks are computed whole, the first may start 31 early; the softmax may run over
  alora_attention_layout layout;
  layout.stride = span + 16;
  layout.output_stride = (shape->head_dim + 31) / 32 * 32;
  layout.queries_at = ALORA_PASS_ROWS * layout.stride;
  layout.outputs_at = layout.queries_at + ALORA_PASS_ROWS * layout.output_stride;
  layout.sums_at = layout.outputs_at + ALORA_PASS_ROWS * layout.output_stride;
  layout.count = layout.sums_at + ALORA_PASS_ROWS;
  return layout;
}

#endif
