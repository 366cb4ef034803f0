// Matrix product over packed panels; see note 2 of alora_kernels.h for the order of its sums.
#include "micro.inc.h"
#include "widen.inc.h"

// Columns widened at a time: 32 outputs of them are 32 KB, which stay in the first-level cache for all tokens.
#define STRIP_COLUMNS 256
// How many strips of 32 columns ahead the weights for a single token are asked for.
#ifndef PREFETCH_STRIPS
#define PREFETCH_STRIPS 4
#endif

// Many tokens: one strip of a panel is widened, then run against every tile of tokens.
TARGET static void panel_times_tiles(alora_type type, const uint8_t *restrict panel, size_t rows_here, size_t columns,
                                     const float *restrict x, size_t token_count, float *restrict y, size_t y_stride) {
  _Alignas(64) float strip[STRIP_COLUMNS * 32];
  _Alignas(64) float edge[ALORA_TILE_TOKENS * 32];
  const size_t tiles = alora_tile_count(token_count);
  for (size_t first = 0; first < columns; first += STRIP_COLUMNS) {
    const size_t depth = columns - first < STRIP_COLUMNS ? columns - first : STRIP_COLUMNS;
    const float *w = strip;
    if (type == ALORA_TYPE_F32) w = (const float *)(const void *)panel + 32 * first;
    else widen_columns(type, panel, first, depth, strip);
    for (size_t tile = 0; tile < tiles; tile++) {
      const size_t start = alora_tile_start(tile, tiles, token_count);
      const size_t tokens = alora_tile_start(tile + 1, tiles, token_count) - start;
      const float *x_tile = x + start * columns + first * tokens;
      float *y_tile = y + start * y_stride;
      if (rows_here == 32) {
        tile_near(tokens, w, x_tile, tokens, depth, y_tile, y_stride, first > 0);
        continue;
      }
      for (size_t i = 0; i < tokens; i++) memcpy(edge + 32 * i, y_tile + i * y_stride, 4 * rows_here);
      tile_near(tokens, w, x_tile, tokens, depth, edge, 32, first > 0);
      for (size_t i = 0; i < tokens; i++) memcpy(y_tile + i * y_stride, edge + 32 * i, 4 * rows_here);
    }
  }
}

// One token: several panels at once, because one panel's sums alone would wait for each fma.
//   w: panel p's columns at w + p * w_panel, [depth][32] each   sums: [panels][32], updated
INLINE void micro_panels(const float *restrict w, size_t w_panel, const float *restrict x, size_t depth,
                         float *restrict sums, const int panels) {
  for (size_t half = 0; half < 32; half += 16 * TILE_VECTORS) {
    v16f s[SMALL_PANELS][TILE_VECTORS];
    _Pragma("GCC unroll 4") for (int p = 0; p < panels; p++)
      _Pragma("GCC unroll 4") for (int v = 0; v < TILE_VECTORS; v++) s[p][v] = v_load(sums + 32 * p + half + 16 * (size_t)v);
    for (size_t k = 0; k < depth; k++) {
      const v16f element = v_set(x[k]);
      _Pragma("GCC unroll 4") for (int p = 0; p < panels; p++)
        _Pragma("GCC unroll 4") for (int v = 0; v < TILE_VECTORS; v++)
          s[p][v] = v_fma(element, v_load(w + (size_t)p * w_panel + 32 * k + half + 16 * (size_t)v), s[p][v]);
    }
    _Pragma("GCC unroll 4") for (int p = 0; p < panels; p++)
      _Pragma("GCC unroll 4") for (int v = 0; v < TILE_VECTORS; v++) v_store(sums + 32 * p + half + 16 * (size_t)v, s[p][v]);
  }
}

// Asks for the bytes of the strips that come a little later. Several short streams at once are more than hardware
// prefetchers follow: without this, a token waits for memory most of the time. Past the panels' end come the next ones.
INLINE void prefetch_ahead(const uint8_t *restrict panel, size_t panel_bytes, size_t step, size_t strip, const int panels) {
  size_t ahead = (strip + PREFETCH_STRIPS) * step, skipped = 0;
  if (ahead >= panel_bytes) ahead -= panel_bytes, skipped = (size_t)panels * panel_bytes;
  for (int p = 0; p < panels; p++) {
    const uintptr_t from = (uintptr_t)panel + (size_t)p * panel_bytes + skipped + ahead;
    for (size_t i = 0; i < step; i += 64) __builtin_prefetch((const void *)(from + i));
  }
}

INLINE void panels_times_token(alora_type type, const uint8_t *restrict panel, size_t panel_bytes, size_t columns,
                               const float *restrict x, float *restrict sums, const int panels) {
  _Alignas(64) float strip[SMALL_PANELS * 32 * 32];
  for (int i = 0; i < 32 * panels; i++) sums[i] = 0.0f;
  if (type == ALORA_TYPE_F32) {
    micro_panels((const float *)(const void *)panel, panel_bytes / 4, x, columns, sums, panels);
    return;
  }
  for (size_t first = 0; first < columns; first += 32) {
    const size_t depth = columns - first < 32 ? columns - first : 32;
    prefetch_ahead(panel, panel_bytes, panel_bytes * 32 / columns, first / 32, panels);
    for (int p = 0; p < panels; p++)
      widen_columns(type, panel + (size_t)p * panel_bytes, first, depth, strip + 1024 * p);
    micro_panels(strip, 1024, x + first, depth, sums, panels);
  }
}

TARGET void KERNEL(alora_matmul)(alora_type type, const void *restrict weights, size_t rows, size_t columns,
                                 size_t first_panel, size_t panel_count, const float *restrict x, size_t token_count,
                                 float *restrict y, size_t y_stride) {
  const size_t panel_bytes = alora_panel_byte_count(type, columns), end = first_panel + panel_count;
  const uint8_t *panels = weights;
  if (token_count == 0) return;
  if (token_count > 1) {
    for (size_t p = first_panel; p < end; p++)
      panel_times_tiles(type, panels + p * panel_bytes, rows - 32 * p < 32 ? rows - 32 * p : 32, columns, x, token_count,
                        y + 32 * p, y_stride);
    return;
  }
  for (size_t p = first_panel; p < end;) {
    _Alignas(64) float sums[SMALL_PANELS * 32];
    const size_t together = end - p >= SMALL_PANELS ? SMALL_PANELS : 1;
    const uint8_t *panel = panels + p * panel_bytes;
    if (together == SMALL_PANELS) panels_times_token(type, panel, panel_bytes, columns, x, sums, SMALL_PANELS);
    else panels_times_token(type, panel, panel_bytes, columns, x, sums, 1);
    const size_t present = rows - 32 * p < 32 * together ? rows - 32 * p : 32 * together;
    memcpy(y + 32 * p, sums, 4 * present);
    p += together;
  }
}
