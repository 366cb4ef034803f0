// Causal attention of one key-value head; see note 5 of alora_kernels.h for the order of its sums.
//
// Rows are (token, query head) pairs; a few dozen go over the cache together. The first half computes scores, block by block
// of the keys, and each row's largest; the second goes over the values and turns scores into weights just ahead of their use.
// A row must not take part in a sum for a position it does not see, not even with weight 0 (-0 + 0 is +0): positions that
// neighbouring rows all see are done together, those at either end token by token.
#include "../shared/attention.h"
#include "functions.inc.h"

#define TILE_ROWS 12
#define SCORE_COLUMNS ALORA_SCORE_COLUMNS

typedef struct rows_of_pass {
  size_t count, tile_rows;  // all rows, and those of one tile of scores
  size_t base;              // position that score column 0 stands for, a multiple of 32
  size_t row_stride;        // see the layout
  float *scores;            // [columns / SCORE_COLUMNS][rows][SCORE_COLUMNS]: what is used together lies together
  float *queries;           // [tiles][row_stride / 16][TILE_ROWS][16]
  float *outputs;           // [rows][row_stride]
  float *largest, *sums;    // [rows][16]: by lane, later the first of them is the row's
  int scales_late;          // scores are scaled when they become weights: rounding keeps the order, so the largest is the same
  size_t start[ALORA_PASS_ROWS], end[ALORA_PASS_ROWS];  // positions that a row sees
} rows_of_pass;

INLINE size_t first_visible(const alora_attention *shape, size_t position) {
  const size_t of_window = shape->window == 0 || position < shape->window ? 0 : position + 1 - shape->window;
  const size_t of_chunk = shape->chunk == 0 ? 0 : position - position % shape->chunk;
  return of_window > of_chunk ? of_window : of_chunk;
}

// The row's first sixteen elements; those that follow are TILE_ROWS times as far away.
INLINE float *query_of(const rows_of_pass *pass, size_t row) {
  return pass->queries + row / pass->tile_rows * TILE_ROWS * pass->row_stride + row % pass->tile_rows * 16;
}

INLINE float *score_of(const rows_of_pass *pass, size_t row, size_t position) {
  const size_t column = position - pass->base;
  return pass->scores + (column / SCORE_COLUMNS * pass->count + row) * SCORE_COLUMNS + column % SCORE_COLUMNS;
}

// Columns begin ..< end of the sixteen from `first` on: x, others: y.
INLINE v16f v_if_visible(size_t first, size_t begin, size_t end, v16f x, v16f y) {
  static const float lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const v16f lane = v_add(v_load(lanes), v_set((float)first));
  return v_if_less(lane, v_set((float)begin), y, v_if_less(lane, v_set((float)end), x, y));
}
// A position as a column of those from position p on, which are SCORE_COLUMNS.
INLINE size_t column_of(size_t position, size_t p) {
  return position < p ? 0 : position - p < SCORE_COLUMNS ? position - p : SCORE_COLUMNS;
}

// ------------------------------------------------------------------------------------------------------------- scores

// scores[row][slot] = queries[row] . keys[slot], for 16 * vectors slots; and the largest of each row and lane.
//   keys: [depth][32]     queries: [depth / 16][TILE_ROWS][16], from the first of the rows on     scores: [rows][SCORE_COLUMNS]
//   largest: [rows][16]     next: a line for each k, to be asked for ahead
// `rows` and `vectors` are constants at each call, so that the accumulators are registers.
INLINE void micro_scores(const float *restrict keys, const float *restrict queries, size_t depth, float *restrict scores,
                         float *restrict largest, const float *next, const int rows, const int vectors) {
  v16f s[MICRO_TOKENS][TILE_VECTORS];
  _Pragma("GCC unroll 12") for (int i = 0; i < rows; i++)
    _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) s[i][v] = v_set(0.0f);
  for (size_t k = 0; k < depth; queries += 16 * TILE_ROWS) {
    const float *x = queries;
    for (const size_t end = k + 16 < depth ? k + 16 : depth; k < end; k++, x++) {
      v16f column[TILE_VECTORS];
      __builtin_prefetch(next + 16 * k, 0, 2);
      _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) column[v] = v_load(keys + 32 * k + 16 * (size_t)v);
      _Pragma("GCC unroll 12") for (int i = 0; i < rows; i++) {
        const v16f element = v_set(x[16 * i]);
        _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) s[i][v] = v_fma(element, column[v], s[i][v]);
      }
    }
  }
  _Pragma("GCC unroll 12") for (int i = 0; i < rows; i++) {
    v16f most = v_load(largest + 16 * i);
    _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) {
      v_store(scores + SCORE_COLUMNS * i + 16 * v, s[i][v]);
      most = v_max(s[i][v], most);  // a NaN is not the largest: it is the first of the arguments
    }
    v_store(largest + 16 * i, most);
  }
}

#define SCORES_CASE(n) \
  case n: micro_scores(keys, queries, depth, scores, largest, next, n, TILE_VECTORS); break;
#if MICRO_TOKENS >= 12
#define SCORES_MORE \
  SCORES_CASE(5) SCORES_CASE(6) SCORES_CASE(7) SCORES_CASE(8) SCORES_CASE(9) SCORES_CASE(10) SCORES_CASE(11) SCORES_CASE(12)
#elif MICRO_TOKENS >= 6
#define SCORES_MORE SCORES_CASE(5) SCORES_CASE(6)
#else
#define SCORES_MORE
#endif

TARGET static void few_scores(size_t rows, const float *restrict keys, const float *restrict queries, size_t depth,
                              float *restrict scores, float *restrict largest, const float *next) {
  switch (rows) { SCORES_CASE(1) SCORES_CASE(2) SCORES_CASE(3) SCORES_CASE(4) SCORES_MORE }
}

// For a block of keys that rows see only in part, or whose scores are capped: the cap, and the largest that each row sees.
INLINE void find_largest(const alora_attention *shape, const rows_of_pass *pass, size_t row, size_t rows, size_t p) {
  const v16f scale = v_set(shape->scale), cap = v_set(shape->soft_cap), none = v_set(-__builtin_inff());
  for (size_t i = row; i < row + rows; i++) {
    const size_t begin = column_of(pass->start[i], p), end = column_of(pass->end[i], p);
    float *scores = score_of(pass, i, p);
    v16f largest = v_load(pass->largest + 16 * i);
    for (size_t c = 0; c < 32; c += 16) {
      v16f s = v_load(scores + c);
      if (!pass->scales_late) {
        s = v_mul(s, scale);
        if (shape->soft_cap != 0.0f) s = v_soft_cap(s, cap);
        v_store(scores + c, s);
      }
      largest = v_max(v_if_visible(c, begin, end, s, none), largest);
    }
    v_store(pass->largest + 16 * i, largest);
  }
}

INLINE void compute_scores(const alora_attention *shape, const rows_of_pass *pass, const float *const *key_blocks) {
  const size_t tile_rows = pass->tile_rows, last = pass->end[pass->count - 1];
  float unused[16 * MICRO_TOKENS] = {0};  // where scores that a row does not see may be the largest
  const size_t parts = (tile_rows + MICRO_TOKENS - 1) / MICRO_TOKENS, most = (tile_rows + parts - 1) / parts;
  for (size_t p = pass->base; p < last; p += 32) {
    const float *block = key_blocks[p / 32], *next = p + 32 < last ? key_blocks[p / 32 + 1] : block;
    for (size_t row = 0, tile = 0; row < pass->count; row += tile_rows, tile++) {
      const size_t rows = pass->count - row < tile_rows ? pass->count - row : tile_rows;
      if (p >= pass->end[row + rows - 1] || p + 32 <= pass->start[row]) continue;
      const float *ahead = next + tile % 2 * 16 * shape->head_dim;
      const int whole = pass->start[row + rows - 1] <= p && p + 32 <= pass->end[row] && pass->scales_late;
      for (size_t i = row; i < row + rows; i += most)
        for (size_t v = 0; v < 32; v += 16 * TILE_VECTORS)
          few_scores(row + rows - i < most ? row + rows - i : most, block + v, query_of(pass, i), shape->head_dim,
                     score_of(pass, i, p + v), whole ? pass->largest + 16 * i : unused, ahead);
      if (!whole) find_largest(shape, pass, row, rows, p);
    }
  }
}

// ------------------------------------------------------------------------------------------------------------ weights

// Scores of a row become weights, and their sum grows, for columns begin ..< end, which the row sees. Lanes are those of the
// columns: the row's own, which begin with the first position that it sees, are the same in another order.
INLINE void weigh(float *restrict scores, size_t begin, size_t end, v16f scale, v16f largest, float *restrict sums) {
  const v16f zero = v_set(0.0f);
  v16f sum = v_load(sums);
  if (end - begin == SCORE_COLUMNS) {
    _Pragma("GCC unroll 8") for (int c = 0; c < SCORE_COLUMNS; c += 16) {
      const v16f e = v_exp_of_negative(v_sub(v_mul(v_load(scores + c), scale), largest));
      v_store(scores + c, e);
      sum = v_add(sum, e);
    }
  } else {
    for (size_t c = begin / 16 * 16; c < end; c += 16) {
      v16f x = v_sub(v_mul(v_load(scores + c), scale), largest);
      x = v_if_visible(c, begin, end, x, zero);
      // The others become +0, which changes no sum: sums are +0 or positive.
      const v16f e = v_if_visible(c, begin, end, v_exp_of_negative(x), zero);
      v_store(scores + c, e);
      sum = v_add(sum, e);
    }
  }
  v_store(sums, sum);
}

// ------------------------------------------------------------------------------------------------------------- values

// outputs[row] += scores[row][p] * value p for p in begin ..< end, ascending.
//   scores: [rows][SCORE_COLUMNS], from position `begin` on     outputs: [rows][output_stride], from the 16 * `vector`-th element
//   next: a line for each position, to be asked for ahead; or null
// `rows` and `vectors` are constants at each call, so that the accumulators are registers.
INLINE void micro_values(const float *const *restrict value_blocks, size_t begin, size_t end, const float *restrict scores,
                         float *restrict outputs, size_t output_stride, size_t vector, const float *next, const int rows,
                         const int vectors) {
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
        const v16f weight = v_set(weights[k + SCORE_COLUMNS * (size_t)i]);
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
#define VALUES_CASE(n)                                                                                            \
  case n:                                                                                                         \
    micro_values(value_blocks, begin, end, scores, outputs + 16 * vector, output_stride, vector, next, n, vectors); \
    break;
#if MICRO_TOKENS >= 6
#define VALUES_SWITCH \
  switch (rows) { VALUES_CASE(1) VALUES_CASE(2) VALUES_CASE(3) VALUES_CASE(4) VALUES_CASE(5) VALUES_CASE(6) }
#else
#define VALUES_SWITCH switch (rows) { VALUES_CASE(1) VALUES_CASE(2) VALUES_CASE(3) VALUES_CASE(4) }
#endif

TARGET static void few_values(const float *const *restrict value_blocks, size_t begin, size_t end, const float *restrict scores,
                              float *restrict outputs, size_t output_stride, size_t vector, size_t rows) {
  enum { vectors = TILE_VECTORS };
  const float *const next = 0;
  VALUES_SWITCH
}
#if MICRO_PANELS > 1
TARGET static void wide_values(const float *const *restrict value_blocks, size_t begin, size_t end, const float *restrict scores,
                               float *restrict outputs, size_t output_stride, size_t vector, size_t rows, const float *next) {
  enum { vectors = 2 * MICRO_PANELS };
  VALUES_SWITCH
}
#endif

// The same for `rows` rows from `row` of the pass, elements 16 * vector ..< 16 * (vector + vectors).
INLINE void add_values(const rows_of_pass *pass, size_t row, size_t rows, size_t begin, size_t end, size_t vector,
                       size_t vectors, const float *const *value_blocks, const float *next) {
  const float *scores = score_of(pass, row, begin);
  float *outputs = pass->outputs + row * pass->row_stride;
#if MICRO_PANELS > 1
  if (vectors == 2 * MICRO_PANELS) {
    wide_values(value_blocks, begin, end, scores, outputs, pass->row_stride, vector, rows, next);
    return;
  }
#endif
  for (size_t v = vector; v < vector + vectors; v += TILE_VECTORS)
    few_values(value_blocks, begin, end, scores, outputs, pass->row_stride, v, rows);
}

// Positions that rows see only in part, token by token.
INLINE void add_values_apart(const rows_of_pass *pass, size_t row, size_t rows, size_t begin, size_t end, size_t vector,
                             size_t vectors, const float *const *value_blocks) {
  for (size_t i = row, same = 1; i < row + rows; i += same, same = 1) {
    const size_t from = begin < pass->start[i] ? pass->start[i] : begin, to = end < pass->end[i] ? end : pass->end[i];
    while (i + same < row + rows && pass->end[i + same] == pass->end[i]) same++;
    if (from < to) add_values(pass, i, same, from, to, vector, vectors, value_blocks, 0);
  }
}

// Column by column of SCORE_COLUMNS: the weights of all rows, then their values, which both stay in the first-level cache.
INLINE void add_all_values(const alora_attention *shape, const rows_of_pass *pass, const float *const *value_blocks) {
  const size_t last = pass->end[pass->count - 1], all = pass->row_stride / 16;
  const size_t parts = (pass->count + VALUE_ROWS - 1) / VALUE_ROWS;
  const v16f scale = v_set(pass->scales_late ? shape->scale : 1.0f);
  memset(pass->outputs, 0, 4 * pass->count * pass->row_stride);
  for (size_t p = pass->base; p < last; p += SCORE_COLUMNS) {
    for (size_t i = 0; i < pass->count; i++) {
      const size_t begin = column_of(pass->start[i], p), end = column_of(pass->end[i], p);
      if (begin < end) weigh(score_of(pass, i, p), begin, end, scale, v_set(pass->largest[16 * i]), pass->sums + 16 * i);
    }
    for (size_t vector = 0; vector < all; vector += 2 * MICRO_PANELS) {
      const size_t vectors = all - vector < 2 * MICRO_PANELS ? all - vector : 2 * MICRO_PANELS;
      for (size_t part = 0; part < parts; part++) {
        const size_t row = part * pass->count / parts, end_row = (part + 1) * pass->count / parts, rows = end_row - row;
        const size_t begin = p < pass->start[row] ? pass->start[row] : p;
        const size_t end = p + SCORE_COLUMNS < pass->end[end_row - 1] ? p + SCORE_COLUMNS : pass->end[end_row - 1];
        if (begin >= end) continue;
        const size_t from = begin < pass->start[end_row - 1] ? pass->start[end_row - 1] : begin;
        const size_t to = end < pass->end[row] ? end : pass->end[row];
        if (from >= to) {
          add_values_apart(pass, row, rows, begin, end, vector, vectors, value_blocks);
          continue;
        }
        // Each call for all SCORE_COLUMNS asks for half a block of the values that follow them.
        const size_t later = (p + SCORE_COLUMNS) / 32 + part / 2;
        const float *next = to - from == SCORE_COLUMNS && part < SCORE_COLUMNS / 16 && later * 32 < last
          ? value_blocks[later] + 1024 * (vector / 2) + 1024 * (part % 2) : 0;
        if (begin < from) add_values_apart(pass, row, rows, begin, from, vector, vectors, value_blocks);
        add_values(pass, row, rows, from, to, vector, vectors, value_blocks, next);
        if (to < end) add_values_apart(pass, row, rows, to, end, vector, vectors, value_blocks);
      }
    }
  }
}

// --------------------------------------------------------------------------------------------------------------- rows

TARGET static void attend_pass(const alora_attention *shape, rows_of_pass *pass, size_t first_row, const float *restrict q,
                               size_t q_stride, size_t first_position, const float *const *key_blocks,
                               const float *const *value_blocks, float *restrict y, size_t y_stride) {
  size_t token = first_row / shape->group, head = first_row % shape->group;
  for (size_t i = 0; i < pass->count; i++) {
    pass->end[i] = first_position + token + 1;
    pass->start[i] = first_visible(shape, first_position + token);
    const float *from = q + token * q_stride + head * shape->head_dim;
    float *to = query_of(pass, i);
    for (size_t d = 0; d < shape->head_dim; d += 16, to += 16 * TILE_ROWS)
      v_store(to, shape->head_dim - d < 16 ? v_load_part(from + d, shape->head_dim - d) : v_load(from + d));
    v_store(pass->largest + 16 * i, v_set(-__builtin_inff()));
    v_store(pass->sums + 16 * i, v_set(0.0f));
    if (++head == shape->group) head = 0, token++;
  }
  pass->base = pass->start[0] / 32 * 32;
  compute_scores(shape, pass, key_blocks);

  for (size_t i = 0; i < pass->count; i++) {
    float largest = folded_max(v_load(pass->largest + 16 * i));
    if (pass->scales_late) largest = largest * shape->scale;
    const float sink = shape->sinks == 0 ? -__builtin_inff() : shape->sinks[(first_row + i) % shape->group];
    pass->largest[16 * i] = sink > largest ? sink : largest;
  }
  add_all_values(shape, pass, value_blocks);

  for (size_t i = 0; i < pass->count; i++) {
    token = (first_row + i) / shape->group;
    head = (first_row + i) % shape->group;
    float *to = y + token * y_stride + head * shape->head_dim;
    const float *from = pass->outputs + i * pass->row_stride;
    float sums[16];  // the row's own lanes
    for (size_t l = 0; l < 16; l++) sums[l] = pass->sums[16 * i + (l + pass->start[i]) % 16];
    float total = folded_sum(v_load(sums));
    if (shape->sinks != 0) {
      float of_sink[16];
      v_store(of_sink, v_exp(v_set(shape->sinks[head] - pass->largest[16 * i])));
      total = total + of_sink[0];
    }
    const v16f sum = v_set(total);
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
  rows_of_pass pass;
  pass.scales_late = shape->scale > 0 && shape->soft_cap == 0.0f;
  pass.row_stride = layout.row_stride;
  pass.scores = scratch;
  pass.queries = pass.scores + layout.queries_at;
  pass.outputs = pass.scores + layout.outputs_at;
  pass.largest = pass.scores + layout.largest_at;
  pass.sums = pass.scores + layout.sums_at;
  for (size_t row = 0; row < rows; row += layout.pass_rows) {
    pass.count = rows - row < layout.pass_rows ? rows - row : layout.pass_rows;
    const size_t tiles = (pass.count + TILE_ROWS - 1) / TILE_ROWS;
    pass.tile_rows = (pass.count + tiles - 1) / tiles;
    attend_pass(shape, &pass, row, q, q_stride, first_position, key_blocks, value_blocks, y, y_stride);
  }
}
