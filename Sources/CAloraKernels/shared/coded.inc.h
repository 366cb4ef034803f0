// Widening of ggml's codebook types (IQ1, IQ2, IQ3), its ternary types and NVFP4 from the form that pack_coded.c gives them, which
// is described there. Part of widen.inc.h, with its conventions. All products are exact: a scale has at most 16 significant bits, a
// value six.
//
// Every element is looked up among sixteen values by half a byte. A set with fast lookups (IS_LOOKUP_FAST) takes floats; the others take
// bytes, four at a time, and widen them to 2^24 times their value.

// Half a byte's values. `unit` is that of both forms; CODED_UNIT is of the form that the set takes.
typedef struct coded_values {
  _Alignas(64) float floats[16];
  _Alignas(16) int8_t bytes[16];
} coded_values;
#define CODED(...) {.floats = __VA_ARGS__, .bytes = __VA_ARGS__}

#if IS_LOOKUP_FAST
#define CODED_UNIT 1.0f
#else
#define CODED_UNIT 0x1p-24f
#endif

// (2 * n + 1) * d, n the lowest half byte.
INLINE v16f odd_multiple(v16i n, v16f d) {
  static const float odd[16] = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31};
  return v_mul(d, i_lookup(n, odd));
}

// The codebook types, whose blocks are widened whole, eight columns at a time.
typedef struct codebook_layout {
  const uint32_t *book;
  const coded_values *values;
  float unit;
  int words, halves;   // in a block, before the indices' lower bytes; the first half is d
  int indices;         // for eight columns: one, or two for four columns each
  int upper;           // bits of an index above its byte
  int has_upper_half;  // they are in a half for 32 columns, or in words from number 8 on
  int has_signs;       // in words from number 0 on; IQ1's are in its indices
  int scale_columns;   // that have a scale: 16, or 32
  int scales_word;     // where scales start
} codebook_layout;

// The upper bits of the indices for columns 8 * n ..< 8 * n + 32, from bit 8 on.
INLINE v16i upper_bits(const uint8_t *block, size_t step, size_t h, int v, const codebook_layout c, size_t n) {
  const size_t bit = n * (size_t)(c.upper * c.indices);
  return i_left(c.has_upper_half ? i_load_u16(HALF_FIELD(c.words, 1 + n / 4, v)) : i_right(WORD(8 + bit / 32, v), (int)(bit % 32)), 8);
}

// Looks up one of the words of columns 8 * n ..< 8 * n + 8.   high: the upper bits of its index and of those after it
INLINE v16i look_up(const uint8_t *block, size_t step, size_t h, int v, const codebook_layout c, size_t n, int i, v16i *high) {
  v16i index = i_load_u8(BYTE_FIELD(c.words, c.halves, v) + 32 * (n * (size_t)c.indices + (size_t)i));
  if (c.upper) {
    index = i_or(index, i_and(*high, i_set(((1u << c.upper) - 1) << 8)));
    *high = i_right(*high, c.upper);
  }
  return i_gather(c.book, index);
}

// A vector's words on their way from the lookups to the products.
typedef struct codebook_words {
  v16i found[2 * MOST_VECTORS];  // what was looked up, c.indices for each vector
  v16i signs[MOST_VECTORS];      // of the next columns, in bit 3 of their halves
  v16i high[MOST_VECTORS];       // upper bits of the next indices
  v16i w[MOST_VECTORS];
  uint32_t *near;  // or, by turns for n even and odd, [vectors][2][16]: w, and the same with its high halves low; else null
} codebook_words;

INLINE void complete(const uint8_t *block, size_t step, size_t h, const int vectors, const codebook_layout c, size_t n, codebook_words *s) {
  if (c.has_signs && n % 4 == 0) EACH s->signs[v] = WORD(n / 4, v);
  EACH {
    s->w[v] = c.indices == 2 ? i_or(s->found[2 * v], i_left(s->found[2 * v + 1], 4)) : s->found[v];
    if (c.has_signs) {
      s->w[v] = i_or(s->w[v], i_and(s->signs[v], i_set(0x88888888u)));
      s->signs[v] = i_add(s->signs[v], s->signs[v]);
    }
    if (!s->near) continue;
    uint32_t *const to = s->near + 32 * (n % 2 * MOST_VECTORS + (size_t)v);
    i_store(to, s->w[v]);
    i_store(to + 16, i_right(s->w[v], 4));
  }
}

// Everything that is looked up for columns 8 * n ..< 8 * n + 8, number `at` of eight parts.
INLINE void look_up_part(const uint8_t *block, size_t step, size_t h, const int vectors, const codebook_layout c, size_t n, int at,
                         codebook_words *s) {
  const int apart = 8 / (vectors * c.indices), i = at / apart, v = i / c.indices;
  if (at == 0 && c.upper && n % 4 == 0) EACH s->high[v] = upper_bits(block, step, h, v, c, n);
  if (at % apart == 0) s->found[i] = look_up(block, step, h, v, c, n, i % c.indices, &s->high[v]);
}

// ahead: what is asked for, of each panel, while this block is widened, if it isn't for a strip
INLINE void widen_codebook(WIDENS, const codebook_layout c, uintptr_t ahead) {
  const size_t eighth = 16 * (size_t)c.words + 8 * (size_t)c.halves + 128 * (size_t)c.indices;
  v16f d[MOST_VECTORS], scale[MOST_VECTORS];
  EACH d[v] = v_mul(v_load_f16(HALF_FIELD(c.words, 0, v)), v_set(CODED_UNIT * c.unit));
  // For one token, shifts are what the processor has most to do with, after what can't be left out. Words that were stored are
  // loaded from each of their bytes on instead. They are stored in time, one step before.
  const size_t early = IS_LOOKUP_FAST && c.indices == 1 && t.tokens == 1;
  _Alignas(64) uint32_t near[4 * MOST_VECTORS * 16 + 16];
  codebook_words s = {.near = early ? near : 0};
  UNROLL for (int at = 0; at < 8; at++) look_up_part(block, step, h, vectors, c, 0, at, &s);
  if (early) {
    complete(block, step, h, vectors, c, 0, &s);
    UNROLL for (int at = 0; at < 8; at++) look_up_part(block, step, h, vectors, c, 1, at, &s);
  }
  _Pragma("clang loop unroll(disable)") for (size_t n = 0; n < 32; n++) {
    if (n % 4 == 0 && t.tokens)
      for (size_t p = 0; p < (size_t)(vectors + 1) / 2; p++)
        for (size_t i = n / 4 * eighth; i < (n / 4 + 1) * eighth; i += 64)
          __builtin_prefetch((const void *)(ahead + p * step + i));
    if (n % (size_t)(c.scale_columns / 8) == 0) {
      const size_t number = n / (size_t)(c.scale_columns / 8);
      EACH scale[v] = odd_multiple(i_right(WORD(c.scales_word + (int)(number / 8), v), (int)(4 * (number % 8))), d[v]);
    }
    if (!early || n < 31) complete(block, step, h, vectors, c, n + early, &s);
    // While these columns are multiplied, the words of the next are looked up; after the last, once more in vain.
    const size_t next = n + early < 31 ? n + early + 1 : 31;
    UNROLL for (int high = 0; high < 2; high++) {
#if IS_LOOKUP_FAST
      const uint8_t *const from = (const uint8_t *)(near + 32 * (n % 2 * MOST_VECTORS) + 16 * high);
#else
      v16i bytes[MOST_VECTORS];
      EACH bytes[v] = i_byte_values(BITS(s.w[v], 4 * high, 0x0f0f0f0fu), c.values->bytes);
#endif
      UNROLL for (int b = 0; b < 4; b++) {
        look_up_part(block, step, h, vectors, c, next, 4 * high + b, &s);
#if IS_LOOKUP_FAST
        EMIT(8 * n + (size_t)(4 * high + b),
             v_mul(scale[v], i_lookup(early ? i_load(from + 128 * v + b) : i_right(s.w[v], 8 * b + 4 * high), c.values->floats)));
#else
        EMIT(8 * n + (size_t)(4 * high + b), v_mul(scale[v], i_high_byte(bytes[v], b)));
#endif
      }
    }
  }
}

static const coded_values iq2_values = CODED({8, 25, 43, 0, 0, 0, 0, 0, -8, -25, -43, 0, 0, 0, 0, 0});
static const coded_values iq3_xxs_values = CODED({4, 12, 20, 28, 36, 44, 52, 62, -4, -12, -20, -28, -36, -44, -52, -62});
static const coded_values iq3_s_values = CODED({1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15});
// Eight times -1, 0 or 1, and 1 more or less.
static const coded_values iq1_values = CODED({-7, 1, 9, 0, 0, 0, 0, 0, -9, -1, 7, 0, 0, 0, 0, 0});
#define IQ2_XXS_LAYOUT {alora_iq2_xxs_codebook, &iq2_values, 0.125f, 9, 1, 1, 0, 0, 1, 32, 8}
#define IQ2_XS_LAYOUT {alora_iq2_xs_codebook, &iq2_values, 0.125f, 11, 1, 1, 1, 0, 1, 16, 9}
#define IQ2_S_LAYOUT {alora_iq2_s_codebook, &iq2_values, 0.125f, 12, 1, 1, 2, 0, 1, 16, 10}
#define IQ3_XXS_LAYOUT {alora_iq3_xxs_codebook, &iq3_xxs_values, 0.25f, 9, 1, 2, 0, 0, 1, 32, 8}
#define IQ3_S_LAYOUT {alora_iq3_s_codebook, &iq3_s_values, 1, 11, 1, 2, 1, 0, 1, 32, 10}
#define IQ1_S_LAYOUT {alora_iq1_s_codebook, &iq1_values, 0.125f, 1, 9, 1, 4, 1, 0, 32, 0}
#define IQ1_M_LAYOUT {alora_iq1_s_codebook, &iq1_values, 0.125f, 2, 9, 1, 4, 1, 0, 16, 0}

// TQ1_0: column `column` + n of three whose digits to base 3 are in the lowest five bits.
#if IS_LOOKUP_FAST
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
#if IS_LOOKUP_FAST
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
#if IS_LOOKUP_FAST
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
#if IS_LOOKUP_FAST
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
