// Causal attention of one key-value head; see note 5 of alora_kernels.h for the order of its sums.
//
// Rows are (token, query head) pairs, in tiles of up to 12, a few tiles in one pass over the cache. Scores of a pass are
// kept whole, so the softmax sees them at once and its order does not depend on blocks. A row must not take part in a
// sum for a position it does not see, not even with weight 0 (-0 + 0 is +0): positions that all rows of a tile see are
// done together, those at either end token by token.
#include "../formats/transpose.h"
#include "../shared/attention.h"
#include "functions.inc.h"
#include "micro.inc.h"

typedef struct rows_of_pass {
  size_t first_row, count;        // rows of the whole call
  size_t base, last;              // position that score column 0 stands for, a multiple of 32; the last that a row sees
  size_t stride;                  // floats between rows of scores
  float *scores, *queries, *sums, *outputs;
  size_t output_stride;
} rows_of_pass;

INLINE size_t position_of(const alora_attention *shape, size_t first_position, size_t row) {
  return first_position + row / shape->group;
}
INLINE size_t first_visible(const alora_attention *shape, size_t position) {
  const size_t of_window = shape->window == 0 || position < shape->window ? 0 : position + 1 - shape->window;
  const size_t of_chunk = shape->chunk == 0 ? 0 : position - position % shape->chunk;
  return of_window > of_chunk ? of_window : of_chunk;
}

// Positions whose values are added while the outputs are in registers: their values stay in the first-level cache for all
// rows of a pass.
#define VALUE_POSITIONS 128

// outputs[row] += scores[row][p] * value p for p in begin ..< end, ascending.
//   scores: [rows][stride], column 0 for position `base`     outputs: [rows][output_stride], from the 16 * `vector`-th element
//   next: a line for each position, to be asked for ahead; or null
// `rows` and `vectors` are constants at each call, so that the accumulators are registers.
INLINE void micro_values(const float *const *restrict value_blocks, size_t begin, size_t end, const float *restrict scores,
                         size_t stride, float *restrict outputs, size_t output_stride, size_t vector, const float *next,
                         const int rows, const int vectors) {
  v16f s[MICRO_TOKENS][2 * MICRO_PANELS];
  _Pragma("GCC unroll 12") for (int i = 0; i < rows; i++)
    _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++)
      s[i][v] = v_load(outputs + (size_t)i * output_stride + 16 * (size_t)v);
  for (size_t p = begin; p < end;) {
    const size_t slot = p % 32, depth = end - p < 32 - slot ? end - p : 32 - slot;
    const float *block = value_blocks[p / 32] + 1024 * (vector / 2) + 16 * (vector % 2) + 32 * slot;
    const float *weights = scores + (p - begin);
    for (size_t k = 0; k < depth; k++) {
      v16f row[2 * MICRO_PANELS];
      if (next) __builtin_prefetch(next + 16 * (p + k - begin), 0, 2);
      _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++)
        row[v] = v_load(block + 32 * k + 1024 * (size_t)(v / 2) + 16 * (size_t)(v % 2));
      _Pragma("GCC unroll 12") for (int i = 0; i < rows; i++) {
        const v16f weight = v_set(weights[k + (size_t)i * stride]);
        _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) s[i][v] = v_fma(weight, row[v], s[i][v]);
      }
    }
    p += depth;
  }
  _Pragma("GCC unroll 12") for (int i = 0; i < rows; i++)
    _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++)
      v_store(outputs + (size_t)i * output_stride + 16 * (size_t)v, s[i][v]);
}

#define VALUE_ROWS (12 / MICRO_PANELS < MICRO_TOKENS ? 12 / MICRO_PANELS : MICRO_TOKENS)
#define VALUES_CASE(n)                                                                                              \
  case n:                                                                                                           \
    micro_values(value_blocks, begin, end, scores, stride, outputs + 16 * vector, output_stride, vector, next, n,   \
                 vectors);                                                                                          \
    break;
#if MICRO_TOKENS >= 6
#define VALUES_SWITCH \
  switch (rows) { VALUES_CASE(1) VALUES_CASE(2) VALUES_CASE(3) VALUES_CASE(4) VALUES_CASE(5) VALUES_CASE(6) }
#else
#define VALUES_SWITCH switch (rows) { VALUES_CASE(1) VALUES_CASE(2) VALUES_CASE(3) VALUES_CASE(4) }
#endif

TARGET static void few_values(const float *const *restrict value_blocks, size_t begin, size_t end, const float *restrict scores,
                              size_t stride, float *restrict outputs, size_t output_stride, size_t vector, size_t rows) {
  enum { vectors = TILE_VECTORS };
  const float *const next = 0;
  VALUES_SWITCH
}
#if MICRO_PANELS > 1
TARGET static void wide_values(const float *const *restrict value_blocks, size_t begin, size_t end, const float *restrict scores,
                               size_t stride, float *restrict outputs, size_t output_stride, size_t vector, size_t rows,
                               const float *next) {
  enum { vectors = 2 * MICRO_PANELS };
  VALUES_SWITCH
}
#endif

// The same for `count` rows from `row` of the pass and all elements of the values.
INLINE void add_values(const rows_of_pass *pass, size_t row, size_t count, size_t begin,
                       size_t end, const float *const *value_blocks) {
  const size_t vectors = pass->output_stride / 16;
  for (size_t i = 0; i < count; i += VALUE_ROWS) {
    const size_t rows = count - i < VALUE_ROWS ? count - i : VALUE_ROWS;
    const float *scores = pass->scores + (row + i) * pass->stride + (begin - pass->base);
    float *outputs = pass->outputs + (row + i) * pass->output_stride;
    size_t vector = 0;
#if MICRO_PANELS > 1
    // Each call for all VALUE_POSITIONS asks for a block of the values that follow them.
    const size_t later = end / 32 + (row + i) / VALUE_ROWS;
    const float *next = end - begin == VALUE_POSITIONS && later <= pass->last / 32 ? value_blocks[later] : 0;
    for (; vector + 2 * MICRO_PANELS <= vectors; vector += 2 * MICRO_PANELS)
      wide_values(value_blocks, begin, end, scores, pass->stride, outputs, pass->output_stride, vector, rows,
                  next ? next + 1024 * (vector / 2) : 0);
#endif
    for (; vector < vectors; vector += TILE_VECTORS)
      few_values(value_blocks, begin, end, scores, pass->stride, outputs, pass->output_stride, vector, rows);
  }
}

// Tile by tile: what the tile's rows see only in part, before (early) or after the positions they all see.
TARGET static void add_values_of_edges(const alora_attention *shape, const rows_of_pass *pass, size_t first_position,
                                       size_t row, size_t count, size_t common_begin, size_t common_end, int early,
                                       const float *const *value_blocks) {
  for (size_t i = 0; i < count;) {
    const size_t token = (pass->first_row + row + i) / shape->group;
    size_t same = (token + 1) * shape->group - (pass->first_row + row + i);
    same = same < count - i ? same : count - i;
    const size_t position = first_position + token, start = first_visible(shape, position);
    const int overlap = common_begin < common_end;
    const size_t begin = early ? start : (overlap ? common_end : position + 1);
    const size_t end = early && overlap ? common_begin : position + 1;
    if (begin < end) add_values(pass, row + i, same, begin, end, value_blocks);
    i += same;
  }
}

// row[c] := what the softmax takes; returns the largest. May change columns beyond `count`, which nobody reads: see the
// stride.
INLINE float scale_and_find_largest(const alora_attention *shape, float *row, size_t count) {
  const v16f scale = v_set(shape->scale), cap = v_set(shape->soft_cap);
  v16f largest = v_set(-__builtin_inff());
  size_t c = 0;
  for (; c < count; c += 16) {
    // Of the last vector only what was written: a cap may branch on it.
    v16f s = v_mul(c + 16 <= count ? v_load(row + c) : v_load_part(row + c, count - c), scale);
    if (shape->soft_cap != 0.0f) s = v_soft_cap(s, cap);
    v_store(row + c, s);
    if (c + 16 <= count) largest = v_max(s, largest);
  }
  float m = folded_max(largest);
  for (c = count / 16 * 16; c < count; c++) m = row[c] > m ? row[c] : m;
  return m;
}

// The queries of a pass, tile by tile, each [head_dim][rows of the tile].
INLINE void pack_queries(const alora_attention *shape, const rows_of_pass *pass, const float *restrict q, size_t q_stride) {
  for (size_t tile = 0; tile < pass->count; tile += ALORA_TILE_TOKENS) {
    const size_t rows = pass->count - tile < ALORA_TILE_TOKENS ? pass->count - tile : ALORA_TILE_TOKENS;
    const float *from[ALORA_TILE_TOKENS];
    for (size_t i = 0; i < rows; i++) {
      const size_t row = pass->first_row + tile + i;
      from[i] = q + row / shape->group * q_stride + row % shape->group * shape->head_dim;
    }
    transpose_rows(from, rows, shape->head_dim, pass->queries + tile * shape->head_dim);
  }
}

TARGET static void attend_pass(const alora_attention *shape, rows_of_pass *pass, const float *restrict q, size_t q_stride,
                               size_t first_position, const float *const *key_blocks, const float *const *value_blocks,
                               float *restrict y, size_t y_stride) {
  const size_t first = position_of(shape, first_position, pass->first_row);
  const size_t last = pass->last = position_of(shape, first_position, pass->first_row + pass->count - 1);
  pass->base = first_visible(shape, first) / 32 * 32;
  pack_queries(shape, pass, q, q_stride);

  for (size_t p = pass->base; p <= last; p += 32) {
    const float *block = key_blocks[p / 32], *next = p + 32 <= last ? key_blocks[p / 32 + 1] : block;
    for (size_t tile = 0; tile < pass->count; tile += ALORA_TILE_TOKENS) {
      const size_t rows = pass->count - tile < ALORA_TILE_TOKENS ? pass->count - tile : ALORA_TILE_TOKENS;
      tile_near(rows, block, pass->queries + tile * shape->head_dim, shape->head_dim,
                pass->scores + tile * pass->stride + (p - pass->base), pass->stride, 0,
                next + tile / ALORA_TILE_TOKENS * 16 * shape->head_dim);
    }
  }

  for (size_t i = 0; i < pass->count; i++) {
    const size_t position = position_of(shape, first_position, pass->first_row + i);
    const size_t start = first_visible(shape, position), count = position + 1 - start;
    float *row = pass->scores + i * pass->stride + (start - pass->base);
    float largest = scale_and_find_largest(shape, row, count);
    if (shape->sinks == 0) {
      pass->sums[i] = exp_less(row, row, count, largest);
      continue;
    }
    const float sink = shape->sinks[(pass->first_row + i) % shape->group];
    largest = sink > largest ? sink : largest;
    float of_sink[16];
    v_store(of_sink, v_exp(v_set(sink - largest)));
    pass->sums[i] = exp_less(row, row, count, largest) + of_sink[0];
  }

  memset(pass->outputs, 0, 4 * pass->count * pass->output_stride);
  size_t begin[ALORA_PASS_TILES] = {0}, end[ALORA_PASS_TILES] = {0};
  for (size_t tile = 0, t = 0; tile < pass->count; tile += ALORA_TILE_TOKENS, t++) {
    const size_t rows = pass->count - tile < ALORA_TILE_TOKENS ? pass->count - tile : ALORA_TILE_TOKENS;
    begin[t] = first_visible(shape, position_of(shape, first_position, pass->first_row + tile + rows - 1));
    end[t] = position_of(shape, first_position, pass->first_row + tile) + 1;
    add_values_of_edges(shape, pass, first_position, tile, rows, begin[t], end[t], 1, value_blocks);
  }
  for (size_t p = pass->base; p <= last; p += VALUE_POSITIONS)
    for (size_t tile = 0, t = 0; tile < pass->count; tile += ALORA_TILE_TOKENS, t++) {
      const size_t rows = pass->count - tile < ALORA_TILE_TOKENS ? pass->count - tile : ALORA_TILE_TOKENS;
      const size_t from = p < begin[t] ? begin[t] : p, to = p + VALUE_POSITIONS < end[t] ? p + VALUE_POSITIONS : end[t];
      if (from < to) add_values(pass, tile, rows, from, to, value_blocks);
    }
  for (size_t tile = 0, t = 0; tile < pass->count; tile += ALORA_TILE_TOKENS, t++) {
    const size_t rows = pass->count - tile < ALORA_TILE_TOKENS ? pass->count - tile : ALORA_TILE_TOKENS;
    add_values_of_edges(shape, pass, first_position, tile, rows, begin[t], end[t], 0, value_blocks);
  }

  for (size_t i = 0; i < pass->count; i++) {
    const size_t row = pass->first_row + i;
    float *to = y + row / shape->group * y_stride + row % shape->group * shape->head_dim;
    const float *from = pass->outputs + i * pass->output_stride;
    const v16f sum = v_set(pass->sums[i]);
    size_t d = 0;
    for (; d + 16 <= shape->head_dim; d += 16) v_store(to + d, v_div(v_load(from + d), sum));
    if (d < shape->head_dim) v_store_part(to + d, v_div(v_load(from + d), sum), shape->head_dim - d);
  }
}

TARGET void KERNEL(alora_attend)(const alora_attention *shape, const float *restrict q, size_t q_stride,
                                 size_t first_position, size_t token_count, const float *const *key_blocks,
                                 const float *const *value_blocks, float *restrict y, size_t y_stride,
                                 void *restrict scratch) {
  const size_t rows = token_count * shape->group;
  const alora_attention_layout layout = alora_attention_layout_of(shape, first_position, token_count);
  rows_of_pass pass = {0};
  pass.stride = layout.stride;
  pass.output_stride = layout.output_stride;
  pass.scores = scratch;
  pass.queries = pass.scores + layout.queries_at;
  pass.outputs = pass.scores + layout.outputs_at;
  pass.sums = pass.scores + layout.sums_at;
  for (size_t row = 0; row < rows; row += ALORA_PASS_ROWS) {
    pass.first_row = row;
    pass.count = rows - row < ALORA_PASS_ROWS ? rows - row : ALORA_PASS_ROWS;
    attend_pass(shape, &pass, q, q_stride, first_position, key_blocks, value_blocks, y, y_stride);
  }
}
