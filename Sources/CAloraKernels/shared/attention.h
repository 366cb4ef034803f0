// How attention divides its scratch memory. The same for every instruction set.
#ifndef ALORA_ATTENTION_H
#define ALORA_ATTENTION_H

#include "../include/alora_kernels.h"

#define ALORA_PASS_ROWS 36      // most rows that go over the cache together: the passes of a call are even
#define ALORA_SCORE_COLUMNS 64  // positions whose scores lie together, row after row

// Places are in floats from the start of the scratch memory, which begins with the scores.
typedef struct alora_attention_layout {
  size_t pass_rows;   // rows of a pass; the last may have fewer
  size_t row_stride;  // between rows of outputs: head_dim rounded up to panels; as much for each query
  size_t queries_at, outputs_at, largest_at, sums_at, count;
} alora_attention_layout;

static inline alora_attention_layout alora_attention_layout_of(const alora_attention *shape, size_t first_position,
                                                               size_t token_count) {
  alora_attention_layout layout;
  const size_t rows = token_count * shape->group, passes = (rows + ALORA_PASS_ROWS - 1) / ALORA_PASS_ROWS;
  layout.pass_rows = (rows + passes - 1) / passes;
  const size_t total = first_position + token_count, tokens_of_pass = layout.pass_rows / shape->group + 2;
  size_t span = shape->window == 0 ? total : shape->window + tokens_of_pass;
  if (shape->chunk != 0 && span > shape->chunk + tokens_of_pass) span = shape->chunk + tokens_of_pass;
  if (span > total) span = total;
  span = (span + 31) / ALORA_SCORE_COLUMNS * ALORA_SCORE_COLUMNS + ALORA_SCORE_COLUMNS;  // the first may start 31 early
  layout.row_stride = (shape->head_dim + 31) / 32 * 32;
  layout.queries_at = layout.pass_rows * span;
  layout.outputs_at = layout.queries_at + (layout.pass_rows + 11) / 12 * 12 * layout.row_stride;
  layout.largest_at = layout.outputs_at + layout.pass_rows * layout.row_stride;
  layout.sums_at = layout.largest_at + layout.pass_rows * 16;
  layout.count = layout.sums_at + layout.pass_rows * 16;
  return layout;
}

#endif
