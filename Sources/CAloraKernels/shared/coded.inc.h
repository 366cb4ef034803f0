// Widening of ggml's codebook types (IQ1, IQ2, IQ3), its ternary types and NVFP4 from the form that pack_coded.c gives them, which
// is described there. Part of widen.inc.h, with its conventions. All products are exact: a scale has at most 16 significant bits, a
// value six.
//
// Every element is looked up among sixteen values by half a byte. A set with fast lookups (FAST_LOOKUP) takes floats; the others take
// bytes, four at a time, and widen them to 2^24 times their value.

// Half a byte's values. `unit` is that of both forms; CODED_UNIT is of the form that the set takes.
typedef struct coded_values {
  _Alignas(64) float floats[16];
  _Alignas(16) int8_t bytes[16];
} coded_values;
#define CODED(...) {.floats = __VA_ARGS__, .bytes = __VA_ARGS__}

#ifdef FAST_LOOKUP
#define CODED_UNIT 1.0f
#else
#define CODED_UNIT 0x1p-24f
#endif

#ifndef CODED_UNROLL
#define CODED_UNROLL _Pragma("GCC unroll 4")
#endif

// Bits shifted to the left, or to the right if n is negative.
INLINE v16i moved(v16i a, int n) { return n < 0 ? i_right(a, -n) : i_left(a, n); }
// Byte plane i of a block with W words and H halves.
#define PLANE(W, H, i, v) i_load_u8(BYTE_FIELD(W, H, v) + 32 * (size_t)(i))

// Columns `column` ..< column + 8: the low halves of the bytes of w[v], then the high ones.
INLINE void emit_eight(WIDENS, size_t column, const v16i *w, const v16f *scale, const coded_values *values) {
  (void)block, (void)step;
#ifdef FAST_LOOKUP
  UNROLL for (int high = 0; high < 2; high++) UNROLL for (int b = 0; b < 4; b++)
    EMIT(column + (size_t)(4 * high + b), v_mul(scale[v], i_lookup(i_right(w[v], 8 * b + 4 * high), values->floats)));
#else
  UNROLL for (int high = 0; high < 2; high++) {
    v16i bytes[MOST_VECTORS];
    EACH bytes[v] = i_byte_values(BITS(w[v], 4 * high, 0x0f0f0f0fu), values->bytes);
    UNROLL for (int b = 0; b < 4; b++) EMIT(column + (size_t)(4 * high + b), v_mul(scale[v], i_high_byte(bytes[v], b)));
  }
#endif
}

// (2 * n + 1) * d * unit, n the lowest half byte.
INLINE v16f odd_multiple(v16i n, v16f d, float unit) {
  static const float odd[16] = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31};
  return v_mul(v_mul(d, v_set(CODED_UNIT * unit)), i_lookup(n, odd));
}

// Bit 3 of all half bytes.
#define TOPS i_set(0x88888888u)

// IQ2: `words` in a block; the scales' words are the last, and the others hold signs and the upper bits of the indices, of which
// there are `upper`.
INLINE void widen_iq2(WIDENS, int j, const uint32_t *book, const int words, const int upper) {
  static const coded_values values = CODED({8, 25, 43, 0, 0, 0, 0, 0, -8, -25, -43, 0, 0, 0, 0, 0});
  v16f scale[MOST_VECTORS];
  v16i signs[MOST_VECTORS], high[MOST_VECTORS], scales[MOST_VECTORS];
  EACH {
    signs[v] = WORD(j, v);
    if (upper == 1) high[v] = i_right(WORD(8, v), 4 * j);
    if (upper == 2) high[v] = i_right(WORD(8 + j / 4, v), 8 * (j % 4));
    scales[v] = upper ? i_right(WORD(words - 2 + j / 4, v), 8 * (j % 4)) : i_right(WORD(words - 1, v), 4 * j);
  }
  CODED_UNROLL for (int k = 0; k < 4; k++) {
    v16i w[MOST_VECTORS];
    if (k == 0 || (upper && k == 2))
      EACH scale[v] = odd_multiple(i_right(scales[v], 2 * k), v_load_f16(HALF_FIELD(words, 0, v)), 0.125f);
    EACH {
      v16i index = PLANE(words, 1, 4 * j + k, v);
      if (upper) index = i_or(index, i_and(i_left(high[v], 8 - upper * k), i_set(((1u << upper) - 1) << 8)));
      w[v] = i_or(i_gather(book, index), i_and(i_left(signs[v], k), TOPS));
    }
    emit_eight(block, step, h, vectors, t, (size_t)(8 * k), w, scale, &values);
  }
}
INLINE void widen_iq2_xxs(WIDENS, int j) { widen_iq2(block, step, h, vectors, t, j, alora_iq2_xxs_codebook, 9, 0); }
INLINE void widen_iq2_xs(WIDENS, int j) { widen_iq2(block, step, h, vectors, t, j, alora_iq2_xs_codebook, 11, 1); }
INLINE void widen_iq2_s(WIDENS, int j) { widen_iq2(block, step, h, vectors, t, j, alora_iq2_s_codebook, 12, 2); }

// IQ3: a word takes two indices, which have a ninth bit if `upper` is 1.
INLINE void widen_iq3(WIDENS, int j, const uint32_t *book, const coded_values *values, float unit, const int words, const int upper) {
  v16f scale[MOST_VECTORS];
  v16i signs[MOST_VECTORS], high[MOST_VECTORS];
  EACH {
    signs[v] = WORD(j, v);
    if (upper) high[v] = i_right(WORD(8 + j / 4, v), 8 * (j % 4));
    scale[v] = odd_multiple(i_right(WORD(words - 1, v), 4 * j), v_load_f16(HALF_FIELD(words, 0, v)), unit);
  }
  CODED_UNROLL for (int k = 0; k < 4; k++) {
    v16i w[MOST_VECTORS];
    EACH {
      v16i first = PLANE(words, 1, 8 * j + 2 * k, v), second = PLANE(words, 1, 8 * j + 2 * k + 1, v);
      if (upper) {
        first = i_or(first, i_and(i_left(high[v], 8 - 2 * k), i_set(0x100)));
        second = i_or(second, i_and(i_left(high[v], 7 - 2 * k), i_set(0x100)));
      }
      const v16i magnitudes = i_or(i_gather(book, first), i_left(i_gather(book, second), 4));
      w[v] = i_or(magnitudes, i_and(i_left(signs[v], k), TOPS));
    }
    emit_eight(block, step, h, vectors, t, (size_t)(8 * k), w, scale, values);
  }
}
INLINE void widen_iq3_xxs(WIDENS, int j) {
  static const coded_values values = CODED({4, 12, 20, 28, 36, 44, 52, 62, -4, -12, -20, -28, -36, -44, -52, -62});
  widen_iq3(block, step, h, vectors, t, j, alora_iq3_xxs_codebook, &values, 0.25f, 9, 0);
}
INLINE void widen_iq3_s(WIDENS, int j) {
  static const coded_values values = CODED({1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15});
  widen_iq3(block, step, h, vectors, t, j, alora_iq3_s_codebook, &values, 1, 11, 1);
}

// IQ1: -1, 0 or 1, and an eighth more, or less if bit 3 is set; in eighths. `high` has four bits for each of eight columns of IQ1_M:
// three of the index and that bit. IQ1_S has three for each, a scale's three, and that bit.
static const coded_values iq1_values = CODED({-7, 1, 9, 0, 0, 0, 0, 0, -9, -1, 7, 0, 0, 0, 0, 0});
INLINE v16i iq1_word(v16i index, v16i high, int bit, int less) {
  index = i_or(index, i_and(moved(high, 8 - bit), i_set(0x700)));
  return i_or(i_gather(alora_iq1_s_codebook, index), i_and(i_right_signed(i_left(high, 31 - less), 31), TOPS));
}
INLINE void widen_iq1_s(WIDENS, int j) {
  v16f scale[MOST_VECTORS];
  v16i high[MOST_VECTORS];
  EACH {
    high[v] = i_load_u16(HALF_FIELD(0, 1 + j, v));
    scale[v] = odd_multiple(BITS(high[v], 12, 7), v_load_f16(HALF_FIELD(0, 0, v)), 0.125f);
  }
  CODED_UNROLL for (int k = 0; k < 4; k++) {
    v16i w[MOST_VECTORS];
    EACH w[v] = iq1_word(PLANE(0, 9, 4 * j + k, v), high[v], 3 * k, 15);
    emit_eight(block, step, h, vectors, t, (size_t)(8 * k), w, scale, &iq1_values);
  }
}
INLINE void widen_iq1_m(WIDENS, int j) {
  v16f scale[MOST_VECTORS];
  v16i high[MOST_VECTORS];
  EACH high[v] = i_load_u16(HALF_FIELD(2, 1 + j, v));
  CODED_UNROLL for (int k = 0; k < 4; k++) {
    v16i w[MOST_VECTORS];
    if (k % 2 == 0)
      EACH scale[v] = odd_multiple(i_right(WORD(j / 4, v), 8 * (j % 4) + 2 * k), v_load_f16(HALF_FIELD(2, 0, v)), 0.125f);
    EACH w[v] = iq1_word(PLANE(2, 9, 4 * j + k, v), high[v], 4 * k, 4 * k + 3);
    emit_eight(block, step, h, vectors, t, (size_t)(8 * k), w, scale, &iq1_values);
  }
}

// TQ1_0: column `column` + n of three whose digits to base 3 are in the lowest five bits.
#ifdef FAST_LOOKUP
#define TERNARY(f, n) i_lookup_32(f[v], ternary_digits[n])
static const float ternary_digits[3][32] = {
  {-1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1},
  {-1, -1, -1, 0, 0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1},
  {-1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1}};
#else
#define TERNARY(f, n) i_high_byte(f[v], n)
static const uint32_t ternary_digits[32] = {
  0xffffff, 0xffff00, 0xffff01, 0xff00ff, 0xff0000, 0xff0001, 0xff01ff, 0xff0100, 0xff0101, 0x00ffff, 0x00ff00, 0x00ff01, 0x0000ff, 0x000000,
  0x000001, 0x0001ff, 0x000100, 0x000101, 0x01ffff, 0x01ff00, 0x01ff01, 0x0100ff, 0x010000, 0x010001, 0x0101ff, 0x010100, 0x010101};
#endif
INLINE void emit_three(WIDENS, size_t column, const v16i *w, const v16f *d, int bit) {
  (void)block, (void)step;
  v16i f[MOST_VECTORS];
#ifdef FAST_LOOKUP
  EACH f[v] = i_right(w[v], bit);
#else
  EACH f[v] = i_gather(ternary_digits, BITS(w[v], bit, 31));
#endif
  UNROLL for (int n = 0; n < 3; n++) EMIT(column + (size_t)n, v_mul(d[v], TERNARY(f, n)));
}
INLINE void widen_tq1_0(WIDENS, int i) {
  static const float digits[16] = {-1, 0, 1, 0, -1, 0, 1, 0, -1, 0, 1, 0, -1, 0, 1, 0};
  v16f d[MOST_VECTORS];
  v16i w[MOST_VECTORS];
  EACH d[v] = v_mul(v_load_f16(HALF_FIELD(12, 0, v)), v_set(CODED_UNIT));
  for (int k = 0; k < 3; k++) {
    EACH w[v] = WORD(3 * i + k, v);
    UNROLL for (int f = 0; f < 6; f++) emit_three(block, step, h, vectors, t, (size_t)(18 * k + 3 * f), w, d, 5 * f);
  }
  EACH w[v] = i_load_u16(HALF_FIELD(12, 1 + i, v));
  UNROLL for (int f = 0; f < 3; f++) emit_three(block, step, h, vectors, t, (size_t)(54 + 3 * f), w, d, 5 * f);
  EMIT(63, v_mul(v_load_f16(HALF_FIELD(12, 0, v)), i_lookup(i_right(WORD(3 * i, v), 30), digits)));
}

// TQ2_0: sixteen columns in a word, two bits each. A lookup's half byte is two columns, and has a table for each.
INLINE void widen_tq2_0(WIDENS, int j) {
  v16f d[MOST_VECTORS];
  EACH d[v] = v_mul(v_load_f16(HALF_FIELD(16, 0, v)), v_set(CODED_UNIT));
  for (int i = 0; i < 2; i++) {
#ifdef FAST_LOOKUP
    static const float even[16] = {-1, 0, 1, 2, -1, 0, 1, 2, -1, 0, 1, 2, -1, 0, 1, 2};
    static const float odd[16] = {-1, -1, -1, -1, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2};
    UNROLL for (int n = 0; n < 8; n++) {
      v16i two[MOST_VECTORS];
      EACH two[v] = n % 2 ? i_right(WORD(2 * j + i, v), 4 * n) : i_load(WORD_PLACE(2 * j + i, v) + n / 2);
      EMIT(16 * i + 2 * n, v_mul(d[v], i_lookup(two[v], even)));
      EMIT(16 * i + 2 * n + 1, v_mul(d[v], i_lookup(two[v], odd)));
    }
#else
    v16i bytes[4][MOST_VECTORS];
    UNROLL for (int f = 0; f < 4; f++) EACH bytes[f][v] = i_bytes_minus(BITS(WORD(2 * j + i, v), 2 * f, 0x03030303u), 1);
    UNROLL for (int b = 0; b < 4; b++) UNROLL for (int f = 0; f < 4; f++)
      EMIT(16 * i + 4 * b + f, v_mul(d[v], i_high_byte(bytes[f][v], b)));
#endif
  }
}

// NVFP4: sixteen columns have a scale, whose byte packing has made three bits of significand below five of exponent, at least
// 2^-9; byte 0 is 0. The elements are doubled.
INLINE v16f nvfp4_scale(v16i byte) {
  const v16f power = i_as_float(i_add(i_left(byte, 20), i_set(117u << 23)));
  return v_mul(v_if_less(v_set(0x1p-10f), power, power, v_set(0.0f)), v_set(0.5f * CODED_UNIT));
}
INLINE void widen_nvfp4(WIDENS, int j) {
  static const coded_values values = CODED({0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12});
  for (int g = 2 * j; g < 2 * j + 2; g++) {
    v16f d[MOST_VECTORS];
    EACH d[v] = nvfp4_scale(BITS(WORD(8, v), 8 * g, 255));
    UNROLL for (int high = 0; high < 2; high++) UNROLL for (int i = 0; i < 2; i++) {
      v16i w[MOST_VECTORS];
      EACH w[v] = WORD(2 * g + i, v);
#ifdef FAST_LOOKUP
      UNROLL for (int b = 0; b < 4; b++)
        EMIT(16 * (g % 2) + 8 * high + 4 * i + b,
             v_mul(d[v], i_lookup_at(WORD_PLACE(2 * g + i, v), w[v], 8 * b + 4 * high, values.floats)));
#else
      EACH w[v] = i_byte_values(BITS(w[v], 4 * high, 0x0f0f0f0fu), values.bytes);
      UNROLL for (int b = 0; b < 4; b++) EMIT(16 * (g % 2) + 8 * high + 4 * i + b, v_mul(d[v], i_high_byte(w[v], b)));
#endif
    }
  }
}
