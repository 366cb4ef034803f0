// The micro-kernel: a tile of tokens times a few vectors of outputs, one accumulator each, k ascending. Strips of widened weights
// go through it; a few tokens (matmul.inc.h) and scores (attention.inc.h) keep the same order.

// y[i][0 ..< 16 vectors] = or += over k of x[k * x_k + i] * w[k][…].
//   w: [depth][32], outputs 32 and up w_panel floats later   y: [tokens][y_stride]
//   accumulate: start from y instead of +0
// `tokens` and `vectors` are constants at each call, so that the accumulators are registers. With several panels, the rows
// of y that follow, which the next call begins with, are asked for one after the other: all at once they would hold up the
// weights on their way from the second-level cache.
INLINE void micro(const float *restrict w, size_t w_panel, const float *restrict x, size_t x_k, size_t depth,
                  float *restrict y, size_t y_stride, int accumulate, const int tokens, const int vectors) {
  v16f s[MICRO_TOKENS][2 * MICRO_PANELS];
  _Pragma("GCC unroll 12") for (int i = 0; i < tokens; i++)
    _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++)
      s[i][v] = accumulate ? v_load(y + (size_t)i * y_stride + 16 * (size_t)v) : v_set(0.0f);
  const int parts = vectors > TILE_VECTORS ? tokens : 1;
  size_t k = 0;
  for (int part = 0; part < parts; part++) {
    const uintptr_t ahead = (uintptr_t)(y + (size_t)part * y_stride) + 4 * (size_t)tokens * y_stride;
    if (parts > 1) for (int v = 0; v < vectors; v++) __builtin_prefetch((const void *)(ahead + 64 * (size_t)v));
    for (const size_t end = depth * (size_t)(part + 1) / (size_t)parts; k < end; k++) {
      v16f row[2 * MICRO_PANELS];
      _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++)
        row[v] = v_load(w + 32 * k + (size_t)(v / 2) * w_panel + 16 * (size_t)(v % 2));
      _Pragma("GCC unroll 12") for (int i = 0; i < tokens; i++) {
        const v16f element = v_set(x[k * x_k + (size_t)i]);
        _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++) s[i][v] = v_fma(element, row[v], s[i][v]);
      }
    }
  }
  _Pragma("GCC unroll 12") for (int i = 0; i < tokens; i++)
    _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++)
      v_store(y + (size_t)i * y_stride + 16 * (size_t)v, s[i][v]);
}

#define MICRO_CASE(n) \
  case n: micro(w, 0, x, x_k, depth, y, y_stride, accumulate, n, TILE_VECTORS); break;
#if MICRO_TOKENS >= 12
#define MICRO_MORE MICRO_CASE(5) MICRO_CASE(6) MICRO_CASE(7) MICRO_CASE(8) MICRO_CASE(9) MICRO_CASE(10) MICRO_CASE(11) MICRO_CASE(12)
#elif MICRO_TOKENS >= 6
#define MICRO_MORE MICRO_CASE(5) MICRO_CASE(6)
#else
#define MICRO_MORE
#endif

TARGET static void micro_near(size_t tokens, const float *restrict w, const float *restrict x, size_t x_k, size_t depth,
                              float *restrict y, size_t y_stride, int accumulate) {
  switch (tokens) { MICRO_CASE(1) MICRO_CASE(2) MICRO_CASE(3) MICRO_CASE(4) MICRO_MORE }
}

// A tile of up to 12 tokens and 32 outputs, in even parts: the sums of a few tokens alone are too few to keep the units busy.
//   x: [depth][tokens]
TARGET static void tile_near(size_t tokens, const float *restrict w, const float *restrict x, size_t depth,
                             float *restrict y, size_t y_stride, int accumulate) {
  const size_t parts = (tokens + MICRO_TOKENS - 1) / MICRO_TOKENS, most = (tokens + parts - 1) / parts;
  for (size_t i = 0; i < tokens; i += most)
    for (size_t v = 0; v < 32; v += 16 * TILE_VECTORS)
      micro_near(tokens - i < most ? tokens - i : most, w + v, x + i, tokens, depth, y + i * y_stride + v, y_stride,
                 accumulate);
}
