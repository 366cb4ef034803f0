// Matrix product over packed panels; see note 2 of alora_kernels.h for the order of its sums.
#include "../formats/codebooks.h"
#include "micro.inc.h"
#include "widen.inc.h"

// Columns widened at a time, at most.
#define STRIP_COLUMNS 256
// Panels that run against one strip of the activations before the next.
#define GROUP_PANELS 8

#if MICRO_PANELS > 1
#define WIDE_CASE(n) \
  case n: micro(w, w_panel, x + i, tokens, depth, y + i * y_stride, y_stride, accumulate, n, 2 * MICRO_PANELS); break;
// A tile of up to 12 tokens and the outputs of two panels: fewer loads for each fma.
TARGET static void tile_wide(size_t tokens, const float *restrict w, size_t w_panel, const float *restrict x, size_t depth,
                             float *restrict y, size_t y_stride, int accumulate) {
  const size_t most = tokens > 6 ? (tokens + 1) / 2 : tokens;
  for (size_t i = 0; i < tokens; i += most) switch (tokens - i < most ? tokens - i : most) {
      WIDE_CASE(1) WIDE_CASE(2) WIDE_CASE(3) WIDE_CASE(4) WIDE_CASE(5) WIDE_CASE(6)
    }
}
#else
#define tile_wide(tokens, w, w_panel, x, depth, y, y_stride, accumulate) \
  tile_near(tokens, w, x, depth, y, y_stride, accumulate)
#endif

// Tiles of the packed activations of all tokens.
typedef struct tile_range {
  size_t first, end, tokens;
} tile_range;

// One strip of `panels` neighbouring panels against a range of tiles.
//   w: [panels][depth][32], w_panel floats apart     x: the tiles' first column of the strip
TARGET static void strip_times_tiles(const float *restrict w, size_t w_panel, size_t panels, size_t rows_here, size_t depth,
                                     const float *restrict x, size_t columns, size_t first, tile_range range,
                                     float *restrict y, size_t y_stride) {
  _Alignas(64) float edge[ALORA_TILE_TOKENS * 64];
  const size_t tiles = alora_tile_count(range.tokens);
  const int accumulate = first > 0;
  for (size_t tile = range.first; tile < range.end; tile++) {
    const size_t start = alora_tile_start(tile, tiles, range.tokens);
    const size_t tokens = alora_tile_start(tile + 1, tiles, range.tokens) - start;
    const float *x_tile = x + start * columns + first * tokens;
    float *y_tile = y + start * y_stride;
    if (rows_here == 32 * panels) {
      if (panels == 2) tile_wide(tokens, w, w_panel, x_tile, depth, y_tile, y_stride, accumulate);
      else tile_near(tokens, w, x_tile, depth, y_tile, y_stride, accumulate);
      continue;
    }
    for (size_t i = 0; i < tokens; i++) memcpy(edge + 64 * i, y_tile + i * y_stride, 4 * rows_here);
    if (panels == 2) tile_wide(tokens, w, w_panel, x_tile, depth, edge, 64, accumulate);
    else tile_near(tokens, w, x_tile, depth, edge, 64, accumulate);
    for (size_t i = 0; i < tokens; i++) memcpy(y_tile + i * y_stride, edge + 64 * i, 4 * rows_here);
  }
}

// Many tokens: a strip of a few panels is widened, then run against every tile of the range; the same strip of the
// activations serves a group of panels while it is near.
TARGET static void panels_times_tiles(alora_type type, const uint8_t *restrict panels, size_t panel_bytes, size_t rows_here,
                                      size_t columns, const float *restrict x, tile_range range, float *restrict y,
                                      size_t y_stride) {
  _Alignas(64) float strip[MICRO_PANELS * STRIP_COLUMNS * 32];
  const size_t strips = (columns + STRIP_COLUMNS - 1) / STRIP_COLUMNS, even = (columns / strips + 31) / 32 * 32;
  for (size_t first = 0; first < columns; first += even) {
    const size_t depth = columns - first < even ? columns - first : even;
    for (size_t row = 0; row < rows_here;) {
      const uint8_t *panel = panels + row / 32 * panel_bytes;
      const size_t left = (rows_here - row + 31) / 32, together = left < MICRO_PANELS ? 1 : MICRO_PANELS;
      const size_t rows = rows_here - row < 32 * together ? rows_here - row : 32 * together;
      const float *w = strip;
      size_t w_panel = 32 * depth;
      if (type == ALORA_TYPE_F32) {
        w = (const float *)(const void *)panel + 32 * first;
        w_panel = panel_bytes / 4;
      } else {
        for (size_t p = 0; p < together; p++)
          widen_columns(type, panel + p * panel_bytes, first, depth, strip + p * w_panel);
      }
      strip_times_tiles(w, w_panel, together, rows, depth, x, columns, first, range, y + row, y_stride);
      row += rows;
    }
  }
}

// Types whose weights `scaled` makes.
INLINE int has_centre(alora_type type) {
  return type == ALORA_TYPE_Q4_0 || type == ALORA_TYPE_Q5_0 || type == ALORA_TYPE_Q3_K || type == ALORA_TYPE_Q6_K;
}
// Whether a sum is zero or NaN. Only then can it matter that weights of zero had the wrong sign, which no sum but a zero shows, or that
// infinite scales gave NaN; the strip gives such panels their sums.
INLINE int is_doubtful(const float *sums, size_t count) {
  if (!WIDENS_BY_EXPONENT) return 0;
  int doubtful = 0;
  for (size_t i = 0; i < count; i++) doubtful |= !(sums[i] < 0.0f || sums[i] > 0.0f);
  return doubtful;
}

// Few tokens: the columns of a few panels go from the packed weights into the sums, without a strip in between. A function for
// each type and number of tokens, so that the sums stay in registers.
// True if the sums may not be right: see `is_doubtful`.
//   panel: panels, panel_bytes apart     x: [column][tile], from the first of the tokens on     sums: [token][panels][32]
typedef int few_tokens_product(const uint8_t *panel, size_t panel_bytes, size_t columns, const float *restrict x, size_t tile,
                                float *restrict sums);
#define FEW_TOKENS_PRODUCT(name, type, n, panels, vectors)                                                            \
  TARGET static int name##_##type(const uint8_t *panel, size_t panel_bytes, size_t columns, const float *restrict x,  \
                                  size_t tile, float *restrict sums) {                                                \
    v16f s[2 * (n) * (panels)];                                                                                       \
    for (int v = 0; v < 2 * (n) * (panels); v++) s[v] = v_set(0.0f);                                                  \
    const columns_target t = {.x = x, .tile = (n) == 1 ? 1 : tile, .sums = s, .tokens = (n), .sums_row = 2 * (panels)};  \
    each_column(ALORA_TYPE_##type, panel, panel_bytes, 0, columns, vectors, t);                                       \
    for (int v = 0; v < 2 * (n) * (panels); v++) v_store(sums + 16 * v, s[v]);                                        \
    return has_centre(ALORA_TYPE_##type) && is_doubtful(sums, 32 * (n) * (panels));                                   \
  }
#define EACH_TYPE(DO)                                                                                                 \
  DO(F32) DO(F16) DO(BF16) DO(Q4_0) DO(Q4_1) DO(Q5_0) DO(Q5_1) DO(Q8_0) DO(IQ4_NL) DO(MXFP4) DO(Q2_K) DO(Q3_K) DO(Q4_K) \
  DO(Q5_K) DO(Q6_K) DO(IQ4_XS) DO(IQ2_XXS) DO(IQ2_XS) DO(IQ2_S) DO(IQ3_XXS) DO(IQ3_S) DO(IQ1_S) DO(IQ1_M) DO(TQ1_0) DO(TQ2_0)  \
  DO(NVFP4)
#define NAMED(name)                                                                                                   \
  EACH_TYPE(DEFINE_##name)                                                                                            \
  INLINE few_tokens_product *name(alora_type type) {                                                                  \
    switch (type) {                                                                                                   \
      EACH_TYPE(CASE_##name)                                                                                          \
      default: return 0;                                                                                              \
    }                                                                                                                 \
  }
#define DEFINE_one_token(type) FEW_TOKENS_PRODUCT(one_token, type, 1, 1, TOKEN_VECTORS)
#define CASE_one_token(type) case ALORA_TYPE_##type: return one_token_##type;
NAMED(one_token)
#if TOKEN_PANELS > 1
#define DEFINE_one_token_panels(type) FEW_TOKENS_PRODUCT(one_token_panels, type, 1, TOKEN_PANELS, 2 * TOKEN_PANELS)
#define CASE_one_token_panels(type) case ALORA_TYPE_##type: return one_token_panels_##type;
NAMED(one_token_panels)
#else
#define one_token_panels one_token
#endif
#if FEW_GROUP > 1
#define DEFINE_GROUP(name, type, n) FEW_TOKENS_PRODUCT(name, type, n, 1, FEW_TOKENS_VECTORS)
#if FEW_GROUP > 4
#define DEFINE_LARGE_GROUPS(type)                                                                                     \
  DEFINE_GROUP(five_tokens, type, 5) DEFINE_GROUP(six_tokens, type, 6)                                                \
  DEFINE_GROUP(seven_tokens, type, 7) DEFINE_GROUP(eight_tokens, type, 8)
#define LARGE_GROUPS(type) , five_tokens_##type, six_tokens_##type, seven_tokens_##type, eight_tokens_##type
#else
#define DEFINE_LARGE_GROUPS(type)
#define LARGE_GROUPS(type)
#endif
#define DEFINE_GROUPS(type)                                                                                           \
  DEFINE_GROUP(two_tokens, type, 2) DEFINE_GROUP(three_tokens, type, 3) DEFINE_GROUP(four_tokens, type, 4)            \
  DEFINE_LARGE_GROUPS(type)
EACH_TYPE(DEFINE_GROUPS)

// The products of 1 ... FEW_GROUP tokens; null for a type without them.
#define CASE_GROUPS(type)                                                                                             \
  case ALORA_TYPE_##type: {                                                                                           \
    static few_tokens_product *const products[FEW_GROUP] = {                                                          \
        one_token_##type, two_tokens_##type, three_tokens_##type, four_tokens_##type LARGE_GROUPS(type)};             \
    return products;                                                                                                  \
  }
INLINE few_tokens_product *const *group_products(alora_type type) {
  switch (type) {
    EACH_TYPE(CASE_GROUPS)
    default: return 0;
  }
}

// Whether that is faster than a strip, which F32 doesn't need. A second group widens the weights again.
INLINE int takes_few(alora_type type, size_t tokens) {
  if (tokens < 2 || tokens > 2 * FEW_GROUP || type == ALORA_TYPE_F32 || !one_token(type)) return 0;
  return tokens <= FEW_GROUP || TWO_GROUPS_PAY(type, tokens);
}

// A few tokens, in groups: a panel's weights are widened for each group, but never stored.
TARGET static void panels_times_few(alora_type type, const uint8_t *panels, size_t panel_bytes, size_t rows_here, size_t columns,
                                    const float *restrict x, tile_range range, float *restrict y, size_t y_stride) {
  few_tokens_product *const *const products = group_products(type);
  const size_t tiles = alora_tile_count(range.tokens);
  for (size_t row = 0; row < rows_here; row += 32)
    for (size_t tile = range.first; tile < range.end; tile++) {
      const size_t start = alora_tile_start(tile, tiles, range.tokens);
      const size_t tokens = alora_tile_start(tile + 1, tiles, range.tokens) - start, groups = (tokens + FEW_GROUP - 1) / FEW_GROUP;
      for (size_t g = 0; g < groups; g++) {
        _Alignas(64) float sums[FEW_GROUP * 32];
        const size_t first = g * tokens / groups, count = (g + 1) * tokens / groups - first;
        const size_t present = rows_here - row < 32 ? rows_here - row : 32;
        if (products[count - 1](panels + row / 32 * panel_bytes, panel_bytes, columns, x + start * columns + first, tokens, sums)) {
          const tile_range here = {.first = tile, .end = tile + 1, .tokens = range.tokens};
          panels_times_tiles(type, panels + row / 32 * panel_bytes, panel_bytes, present, columns, x, here, y + row, y_stride);
          break;
        }
        for (size_t i = 0; i < count; i++) memcpy(y + (start + first + i) * y_stride + row, sums + 32 * i, 4 * present);
      }
    }
}
#endif

TARGET void KERNEL(alora_matmul)(alora_type type, const void *restrict weights, size_t rows, size_t columns,
                                 size_t first_panel, size_t panel_count, const float *restrict x, size_t token_count,
                                 size_t first_tile, size_t tile_count, float *restrict y, size_t y_stride) {
  const size_t panel_bytes = alora_panel_byte_count(type, columns), end = first_panel + panel_count;
  const uint8_t *panels = weights;
  if (token_count == 0 || tile_count == 0) return;
  const tile_range range = {.first = first_tile, .end = first_tile + tile_count, .tokens = token_count};
#if FEW_GROUP > 1
  if (takes_few(type, token_count)) {
    const size_t rows_end = 32 * end < rows ? 32 * end : rows;
    panels_times_few(type, panels + first_panel * panel_bytes, panel_bytes, rows_end - 32 * first_panel, columns, x, range,
                     y + 32 * first_panel, y_stride);
    return;
  }
#endif
  if (token_count > 1) {
    for (size_t p = first_panel; p < end; p += GROUP_PANELS) {
      const size_t last = p + GROUP_PANELS < end ? p + GROUP_PANELS : end, rows_end = 32 * last < rows ? 32 * last : rows;
      panels_times_tiles(type, panels + p * panel_bytes, panel_bytes, rows_end - 32 * p, columns, x, range, y + 32 * p, y_stride);
    }
    return;
  }
  few_tokens_product *const one = one_token(type), *const several = one_token_panels(type);
  if (!one) return;
  for (size_t p = first_panel; p < end;) {
    _Alignas(64) float sums[TOKEN_PANELS * 32];
    const size_t together = end - p >= TOKEN_PANELS ? TOKEN_PANELS : 1;
    const uint8_t *panel = panels + p * panel_bytes;
    const size_t present = rows - 32 * p < 32 * together ? rows - 32 * p : 32 * together;
    if ((together == TOKEN_PANELS ? several : one)(panel, panel_bytes, columns, x, 1, sums))
      panels_times_tiles(type, panel, panel_bytes, present, columns, x, range, sums, 32 * TOKEN_PANELS);
    memcpy(y + 32 * p, sums, 4 * present);
    p += together;
  }
}
