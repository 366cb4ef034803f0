// Widening of a packed panel to f32, 32 columns at a time, in vectors of 16 rows. Included once per instruction set.
// Products of scale and integer are exact (at most 11 + 7 + 6 bits), so only a minimum's addition rounds, as in `gguf`.
//
// The columns come in ascending order and go one of two ways: into a strip, for many tokens, or at once into the sums of a
// few. A step handles a few vectors together: vector v holds rows 16 * ((h + v) % 2) of panel (h + v) / 2, counted from
// `block`; panels are `step` bytes apart.

typedef struct columns_target {
  float *to;       // the strip, [column][32]; only for one panel
  const float *x;  // a tile's activations, from the first of these tokens on
  size_t tile;     // floats from one column of the tile to the next
  v16f *sums;      // [token][vectors of the panels], from vector 0 of those that a step handles
  int tokens;      // constant at each call: how many tokens have sums here; 0 for the strip
  size_t sums_row; // vectors of one token's sums
} columns_target;

INLINE void emit(const columns_target t, int v, size_t h, size_t column, v16f value) {
  if (!t.tokens) v_store(t.to + 32 * column + 16 * (h + (size_t)v), value);
  _Pragma("GCC unroll 8") for (size_t i = 0; i < (size_t)t.tokens; i++) {
    v16f *sum = t.sums + i * t.sums_row + v;
    *sum = v_fma(v_set(t.x[column * t.tile + i]), value, *sum);
  }
}

#ifndef UNROLL
#define UNROLL _Pragma("GCC unroll 8")
#endif
#define EACH UNROLL for (int v = 0; v < vectors; v++)
// A field of a block, for the rows of vector v.   W, H: the format's counts of words and halves
#define PLACE(v) (block + ((h + (size_t)(v)) / 2) * step)
#define ROWS(v) ((h + (size_t)(v)) % 2)
#define WORD_PLACE(i, v) (PLACE(v) + 128 * (size_t)(i) + 64 * ROWS(v))
#define WORD(i, v) i_load(WORD_PLACE(i, v))
#define HALF_FIELD(W, i, v) (PLACE(v) + 128 * (size_t)(W) + 64 * (size_t)(i) + 32 * ROWS(v))
#define BYTE_FIELD(W, H, v) (PLACE(v) + 128 * (size_t)(W) + 64 * (size_t)(H) + 16 * ROWS(v))
#define EMIT(column, value) EACH emit(t, v, h, (size_t)(column), value)
#define BITS(word, shift, mask) i_and(i_right(word, shift), i_set(mask))
// The 32 columns of four words, low halves of their bytes first. `value`, of `column`, is made of w[v] from bit `bit` on.
#define EMIT_NIBBLES(first_word, value)                                                           \
  UNROLL for (int high = 0; high < 2; high++) UNROLL for (int i = 0; i < 4; i++) {                \
    v16i w[MOST_VECTORS];                                                                         \
    EACH w[v] = WORD((first_word) + i, v);                                                        \
    UNROLL for (int b = 0; b < 4; b++) {                                                          \
      const int bit = 8 * b + 4 * high, column = 16 * high + 4 * i + b;                           \
      EMIT(column, value);                                                                        \
    }                                                                                             \
  }
#define WIDENS const uint8_t *block, size_t step, size_t h, const int vectors, const columns_target t
#define MOST_VECTORS 8
#define PREFETCH_BYTES 4096

#if !IS_LOOKUP_FAST
// Bits from bit n on, as a number or a lookup's index, of the word at `place`: sets with fast lookups load it again from another byte on.
#define i_nibble_at(place, a, n) i_nibble(a, n)
#define i_lookup_at(place, a, n, table) i_lookup(i_right(a, n), table)
#define i_five_at(place, w, b) i_five(w, b)
// Bits 2 * f and 2 * f + 1 as a number divided by PAIR_UNIT(f); the last two of the four of PAIR_HIGH(w).
#define PAIR_UNIT(f) (1.0f / (float)(1 << 2 * (f)))
#define PAIR_HIGH(w) w
INLINE v16f i_pair(v16i w, int f) { return i_to_float(i_and(w, i_set(3u << 2 * f))); }
#endif

INLINE v16f negative(v16f x) { return v_sub(v_set(-0.0f), x); }

// A number of a byte: `bits` bits from bit `low` on, less `centre`. A set that widens by the exponent moves the byte to byte `to` of a lane
// first.
typedef struct number { int low, bits, centre, to; } number;

#if WIDENS_BY_EXPONENT
// Without conversions: bits from bit p of a lane, with the exponent that makes them the float 2^(23 - p) + n.
#define NUMBER_UNIT 1.0f
INLINE float base_of(number n) { return (float)(1 << (23 - 8 * n.to - n.low)); }
// The sums of a few tokens take scale * (n - centre) in one fma with this offset, which is exact as long as scale * (2^(23 - p) + centre)
// has at most 24 bits; but a zero is +0 there, whatever the scale's sign, and an infinite scale gives NaN: see `is_doubtful`.
INLINE v16f offset_of(v16f scale, number n) { return v_mul(scale, v_set(-(base_of(n) + (float)n.centre))); }
INLINE v16f scaled(const columns_target t, v16f scale, v16f offset, v16i w, number n) {
  const int p = 8 * n.to + n.low;
  const v16f field = i_as_float(i_or(i_and(w, i_set(((1u << n.bits) - 1) << p)), i_set((uint32_t)(150 - p) << 23)));
  return t.tokens ? v_fma(scale, field, offset) : v_mul(scale, v_sub(field, v_set(base_of(n) + (float)n.centre)));
}
// A word whose byte b is at byte `to`: loaded from there, but for the first word of a panel, so that nothing before the panel is read.
INLINE v16i byte_at(const uint8_t *place, int b, int to, int is_first) {
  return is_first && b < to ? i_left(i_load(place), 8 * (to - b)) : i_load(place + b - to);
}
INLINE v16i byte_moved(v16i w, int b, int to) { return b < to ? i_left(w, 8 * (to - b)) : b > to ? i_right(w, 8 * (b - to)) : w; }
#define NUMBERS(w, n) w
#define SCALED_AT(place, w, b, is_first, scale, offset, n) scaled(t, scale, offset, byte_at(place, b, (n).to, is_first), n)
#define SCALED(w, b, scale, offset, n) scaled(t, scale, offset, byte_moved(w, b, (n).to), n)
#else
// By shuffles: four numbers have the first steps in common, and a byte at the top stands for 2^24 times its value.
#define NUMBER_UNIT 0x1p-24f
INLINE v16f offset_of(v16f scale, number n) { return (void)n, scale; }
INLINE v16i numbers_of(v16i w, number n) {
  return i_bytes_minus(i_and(n.low ? i_right(w, n.low) : w, i_set(((1u << n.bits) - 1) * 0x01010101u)), (uint8_t)n.centre);
}
#define NUMBERS(w, n) numbers_of(w, n)
#define SCALED(w, b, scale, offset, n) v_mul(scale, i_high_byte(w, b))
#define SCALED_AT(place, w, b, is_first, scale, offset, n) SCALED(w, b, scale, offset, n)
#endif

// Two low halves of a word come from one load.
INLINE void widen_q4_0(WIDENS) {
  static const number halves[3] = {{0, 4, 8, 1}, {0, 4, 8, 2}, {4, 4, 8, 1}};
  v16f d[MOST_VECTORS], offset[3][MOST_VECTORS];
  EACH d[v] = v_mul(v_load_f16(HALF_FIELD(4, 0, v)), v_set(NUMBER_UNIT));
  UNROLL for (int n = 0; n < 3; n++) EACH offset[n][v] = offset_of(d[v], halves[n]);
  UNROLL for (int high = 0; high < 2; high++) UNROLL for (int i = 0; i < 4; i++) {
    v16i w[MOST_VECTORS];
    EACH w[v] = NUMBERS(WORD(i, v), halves[2 * high]);
    UNROLL for (int b = 0; b < 4; b++) {
      const int n = high ? 2 : b % 2;
      EMIT(16 * high + 4 * i + b, SCALED_AT(WORD_PLACE(i, v), w[v], b, i == 0, d[v], offset[n][v], halves[n]));
    }
  }
}

INLINE void widen_q4_1(WIDENS) {
  v16f d[MOST_VECTORS], m[MOST_VECTORS];
  EACH d[v] = v_load_f16(HALF_FIELD(4, 0, v));
  EACH m[v] = v_load_f16(HALF_FIELD(4, 1, v));
  EMIT_NIBBLES(0, v_fma(d[v], i_nibble_at(WORD_PLACE(i, v), w[v], bit), m[v]));
}

// A byte stands for 2^24 times its value, so the scale is divided by that: exact, as f16 and small integers are far from
// the ends of f32's range.
INLINE void widen_q8_0(WIDENS) {
  v16f d[MOST_VECTORS];
  EACH d[v] = v_mul(v_load_f16(HALF_FIELD(8, 0, v)), v_set(0x1p-24f));
  UNROLL for (int i = 0; i < 8; i++) {
    v16i w[MOST_VECTORS];
    EACH w[v] = WORD(i, v);
    UNROLL for (int b = 0; b < 4; b++) EMIT(4 * i + b, v_mul(d[v], i_high_byte(w[v], b)));
  }
}

// Five bits: packing (see pack_numbers.c) has put columns 0 ..< 16 of 32 into the low bits of the bytes of words 1 ... 4, the low
// three bits of the others above them, and the high two bits of these into word 0.
#define LATER_FIVE(first, i, v)                                                                                     \
  i_select(0x07070707u, i_right(WORD((first) + 1 + (i), v), 5),                                                     \
           (i) < 2 ? i_left(WORD(first, v), 3 - 2 * (i)) : i_right(WORD(first, v), 2 * (i) - 3))

INLINE void widen_q5_0(WIDENS) {
  static const number numbers[2] = {{0, 5, 16, 1}, {0, 5, 16, 2}};
  v16f d[MOST_VECTORS], offset[2][MOST_VECTORS];
  EACH d[v] = v_mul(v_load_f16(HALF_FIELD(5, 0, v)), v_set(NUMBER_UNIT));
  UNROLL for (int n = 0; n < 2; n++) EACH offset[n][v] = offset_of(d[v], numbers[n]);
  UNROLL for (int i = 0; i < 4; i++) {
    v16i w[MOST_VECTORS];
    EACH w[v] = NUMBERS(WORD(1 + i, v), numbers[1]);
    UNROLL for (int b = 0; b < 4; b++)
      EMIT(4 * i + b, SCALED_AT(WORD_PLACE(1 + i, v), w[v], b, 0, d[v], offset[1][v], numbers[1]));
  }
  UNROLL for (int i = 0; i < 4; i++) {
    v16i w[MOST_VECTORS];
    EACH w[v] = NUMBERS(LATER_FIVE(0, i, v), numbers[1]);
    UNROLL for (int b = 0; b < 4; b++)
      EMIT(16 + 4 * i + b, SCALED(w[v], b, d[v], offset[b / 2][v], numbers[b / 2]));
  }
}

// scale * n + offset.
#define EMIT_FIVES(first, scale, offset)                                                                            \
  UNROLL for (int i = 0; i < 4; i++) {                                                                             \
    v16i w[MOST_VECTORS];                                                                                          \
    EACH w[v] = WORD((first) + 1 + i, v);                                                                          \
    UNROLL for (int b = 0; b < 4; b++)                                                                             \
      EMIT(4 * i + b, v_fma(scale[v], i_five_at(WORD_PLACE((first) + 1 + i, v), w[v], b), offset[v]));             \
  }                                                                                                                \
  UNROLL for (int i = 0; i < 4; i++) {                                                                             \
    v16i w[MOST_VECTORS];                                                                                          \
    EACH w[v] = LATER_FIVE(first, i, v);                                                                           \
    UNROLL for (int b = 0; b < 4; b++) EMIT(16 + 4 * i + b, v_fma(scale[v], i_five(w[v], b), offset[v]));          \
  }

INLINE void widen_q5_1(WIDENS) {
  v16f d[MOST_VECTORS], m[MOST_VECTORS];
  EACH d[v] = v_load_f16(HALF_FIELD(5, 0, v));
  EACH m[v] = v_load_f16(HALF_FIELD(5, 1, v));
  EMIT_FIVES(0, d, m)
}

INLINE void widen_iq4_nl(WIDENS) {
  static const float values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  v16f d[MOST_VECTORS];
  EACH d[v] = v_load_f16(HALF_FIELD(4, 0, v));
  EMIT_NIBBLES(0, v_mul(d[v], i_lookup_at(WORD_PLACE(i, v), w[v], bit, values)));
}

INLINE void widen_mxfp4(WIDENS) {
  static const float values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  v16f d[MOST_VECTORS];
  EACH {
    const uint8_t *exponents = BYTE_FIELD(4, 0, v);
    uint32_t bits[16];  // half of 2^(e - 127); subnormal for e < 2
    for (int l = 0; l < 16; l++)
      bits[l] = exponents[l] < 2 ? 0x00200000u << exponents[l] : (uint32_t)(exponents[l] - 1) << 23;
    d[v] = i_as_float(i_load(bits));
  }
  EMIT_NIBBLES(0, v_mul(d[v], i_lookup_at(WORD_PLACE(i, v), w[v], bit, values)));
}

// The K formats hold 256 columns; `j` names the 32 of them to widen, 0 ..< 8.

// Packing has put columns 4 * b ..< 4 * b + 4 of sixteen into byte b of a word.
INLINE void widen_q2_k(WIDENS, int j) {
  v16f d[MOST_VECTORS], minus[MOST_VECTORS];
  EACH d[v] = v_load_f16(HALF_FIELD(20, 0, v));
  EACH minus[v] = v_mul(v_load_f16(HALF_FIELD(20, 1, v)), v_set(-0.0625f));
  for (int g = 0; g < 2; g++) {  // sixteen columns with a scale of their own
    v16f scale[4][MOST_VECTORS], offset[MOST_VECTORS];
    EACH {
      const v16i s = i_load(WORD_PLACE((2 * j + g) / 4, v) + (2 * j + g) % 4);
      const v16f one = v_mul(d[v], i_to_float(i_and(s, i_set(15))));
      UNROLL for (int f = 0; f < 4; f++) scale[f][v] = v_mul(one, v_set(PAIR_UNIT(f)));
      offset[v] = v_mul(minus[v], i_to_float(i_and(s, i_set(0xf0))));
    }
    UNROLL for (int b = 0; b < 4; b++) {
      v16i w[MOST_VECTORS], high[MOST_VECTORS];
      EACH w[v] = i_load(WORD_PLACE(4 + 2 * j + g, v) + b);
      EACH high[v] = PAIR_HIGH(w[v]);
      UNROLL for (int f = 0; f < 4; f++)
        EMIT(16 * g + 4 * b + f, v_fma(scale[f][v], i_pair(f < 2 ? w[v] : high[v], f), offset[v]));
    }
  }
}

// The six bits of each byte that packing has put above those of three words.
INLINE v16i bits_above(v16i a, v16i b, v16i c) {
  return i_select(0x0f0f0f0fu, i_select(0x03030303u, i_right(a, 6), i_right(b, 4)), i_right(c, 2));
}

// Packing has put columns 2 * b and 2 * b + 1 of eight into byte b of a word, three words for 24 columns, and the last eight above them.
INLINE void widen_q3_k(WIDENS, int j) {
  static const number numbers[2] = {{0, 3, 4, 2}, {3, 3, 4, 2}};
  v16f d[MOST_VECTORS];
  EACH d[v] = v_mul(v_load_f16(HALF_FIELD(27, 0, v)), v_set(NUMBER_UNIT));
  UNROLL for (int g = 0; g < 2; g++) {
    const int s = 2 * j + g, words = 3 + 3 * j;
    v16f scale[MOST_VECTORS], offset[2][MOST_VECTORS];
    EACH {
      const v16i low = BITS(WORD(s % 8 / 4, v), 8 * (s % 4) + 4 * (s / 8), 15);
      const v16i high = BITS(WORD(2, v), 8 * (s % 4) + 2 * (s / 4), 3);
      scale[v] = v_mul(d[v], i_to_float(i_sub(i_or(low, i_left(high, 4)), i_set(32))));
    }
    UNROLL for (int f = 0; f < 2; f++) EACH offset[f][v] = offset_of(scale[v], numbers[f]);
    UNROLL for (int i = 2 * g; i < 2 + g; i++) {
      v16i w[2][MOST_VECTORS];
      UNROLL for (int f = 0; f < 2; f++) EACH w[f][v] = NUMBERS(WORD(words + i, v), numbers[f]);
      UNROLL for (int b = 0; b < 4; b++) UNROLL for (int f = 0; f < 2; f++)
        EMIT(8 * i + 2 * b + f, SCALED_AT(WORD_PLACE(words + i, v), w[f][v], b, 0, scale[v], offset[f][v], numbers[f]));
    }
    if (g == 0) continue;
    v16i last[2][MOST_VECTORS];
    EACH {
      const v16i six = bits_above(WORD(words, v), WORD(words + 1, v), WORD(words + 2, v));
      UNROLL for (int f = 0; f < 2; f++) last[f][v] = NUMBERS(six, numbers[f]);
    }
    UNROLL for (int b = 0; b < 4; b++) UNROLL for (int f = 0; f < 2; f++)
      EMIT(24 + 2 * b + f, SCALED(last[f][v], b, scale[v], offset[f][v], numbers[f]));
  }
}

// Scale and minimum number j of Q4_K and Q5_K; their twelve bytes are words a, b and c.
INLINE void k_scales(v16i a, v16i b, v16i c, int j, v16f d, v16f minus, v16f *scale, v16f *offset) {
  const int s = 8 * (j & 3);
  const v16i q = j < 4 ? BITS(a, s, 63) : i_or(BITS(c, s, 15), i_and(i_right(a, s + 2), i_set(0x30)));
  const v16i m = j < 4 ? BITS(b, s, 63) : i_or(BITS(c, s + 4, 15), i_and(i_right(b, s + 2), i_set(0x30)));
  *scale = v_mul(d, i_to_float(q));
  *offset = v_mul(minus, i_to_float(m));
}
#define K_SCALES(W)                                                                               \
  v16f scale[MOST_VECTORS], offset[MOST_VECTORS];                                                 \
  EACH k_scales(WORD(0, v), WORD(1, v), WORD(2, v), j, v_load_f16(HALF_FIELD(W, 0, v)),            \
                negative(v_load_f16(HALF_FIELD(W, 1, v))), &scale[v], &offset[v])

INLINE void widen_q4_k_half(WIDENS, int j, const int high) {
  K_SCALES(35);
  UNROLL for (int i = 0; i < 8; i++) {
    v16i w[MOST_VECTORS];
    EACH w[v] = WORD(3 + 8 * (j / 2) + i, v);
    UNROLL for (int b = 0; b < 4; b++)
      EMIT(4 * i + b, v_fma(scale[v], i_nibble_at(WORD_PLACE(3 + 8 * (j / 2) + i, v), w[v], 8 * b + 4 * high), offset[v]));
  }
}
INLINE void widen_q4_k(WIDENS, int j) {
  if (j % 2) widen_q4_k_half(block, step, h, vectors, t, j, 1);
  else widen_q4_k_half(block, step, h, vectors, t, j, 0);
}

INLINE void widen_q5_k(WIDENS, int j) {
  K_SCALES(43);
  EMIT_FIVES(3 + 5 * j, scale, offset)
}

// Packing has put the scales first, and of sixteen columns the first twelve into the low bits of three words, the others above them.
INLINE void widen_q6_k(WIDENS, int j) {
  static const number n = {0, 6, 32, 2};
  v16f d[MOST_VECTORS];
  EACH d[v] = v_mul(v_load_f16(HALF_FIELD(52, 0, v)), v_set(NUMBER_UNIT));
  for (int g = 0; g < 2; g++) {
    const int s = 2 * j + g, words = 4 + 3 * s;
    v16f scale[MOST_VECTORS], offset[MOST_VECTORS];
    EACH scale[v] = v_mul(d[v], i_to_float(i_right_signed(i_left(WORD(s / 4, v), 24 - 8 * (s % 4)), 24)));
    EACH offset[v] = offset_of(scale[v], n);
    UNROLL for (int i = 0; i < 3; i++) {
      v16i w[MOST_VECTORS];
      EACH w[v] = NUMBERS(WORD(words + i, v), n);
      UNROLL for (int b = 0; b < 4; b++)
        EMIT(16 * g + 4 * i + b, SCALED_AT(WORD_PLACE(words + i, v), w[v], b, 0, scale[v], offset[v], n));
    }
    v16i last[MOST_VECTORS];
    EACH last[v] = NUMBERS(bits_above(WORD(words, v), WORD(words + 1, v), WORD(words + 2, v)), n);
    UNROLL for (int b = 0; b < 4; b++) EMIT(16 * g + 12 + b, SCALED(last[v], b, scale[v], offset[v], n));
  }
}

INLINE void widen_iq4_xs(WIDENS, int j) {
  static const float values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  v16f scale[MOST_VECTORS];
  EACH {
    const v16i low = BITS(WORD(0, v), 4 * j, 15), high = BITS(i_load_u16(HALF_FIELD(33, 1, v)), 2 * j, 3);
    scale[v] = v_mul(v_load_f16(HALF_FIELD(33, 0, v)), i_to_float(i_sub(i_or(low, i_left(high, 4)), i_set(32))));
  }
  UNROLL for (int high = 0; high < 2; high++) UNROLL for (int i = 0; i < 4; i++) {
    v16i w[MOST_VECTORS];
    EACH w[v] = WORD(1 + 4 * j + i, v);
    UNROLL for (int b = 0; b < 4; b++)
      EMIT(16 * high + 4 * i + b, v_mul(scale[v], i_lookup_at(WORD_PLACE(1 + 4 * j + i, v), w[v], 8 * b + 4 * high, values)));
  }
}

#include "coded.inc.h"

// A step of few tokens reads all weights once, in short streams that hardware prefetchers lose at every page: asks for what
// comes a little later, after the panels' end for the next ones.
//   at: the place in a panel     bytes: what each panel's step reads
INLINE void prefetch_ahead(const uint8_t *panel, size_t step, size_t at, size_t bytes, const int vectors) {
  const size_t panels = (size_t)(vectors + 1) / 2;
  size_t ahead = at + PREFETCH_BYTES / bytes * bytes;
  if (ahead >= step) ahead += (panels - 1) * step;
  for (size_t p = 0; p < panels; p++)
    for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch((const void *)((uintptr_t)panel + p * step + ahead + i));
}

#define PREFETCH(at, bytes) \
  if (t.tokens) prefetch_ahead(panel, step, at, bytes, vectors)

// Activations that serve two steps are loaded in both: there are fewer registers than activations in a block.
#define NOT_HOISTED \
  if (t.tokens > 1) __asm__ volatile("" ::: "memory")

// Types whose block is one column.
#define FOR_1(bytes, value)                                                                 \
  for (size_t c = 0; c < count; c++) {                                                      \
    PREFETCH(c * (32 * (bytes)), 32 * (bytes));                                             \
    for (size_t h = 0; h < 2; h += (size_t)vectors) {                                       \
      NOT_HOISTED;                                                                          \
      const uint8_t *block = panel + (first + c) * (32 * (bytes));                          \
      EACH emit(at_vectors(t, h), v, h, c, value);                                          \
    }                                                                                       \
  }                                                                                         \
  break
#define FOR_32(widen, bytes)                                                                \
  for (size_t c = 0; c < count; c += 32) {                                                  \
    PREFETCH(c / 32 * (32 * (bytes)), 32 * (bytes));                                        \
    for (size_t h = 0; h < 2; h += (size_t)vectors) {                                       \
      NOT_HOISTED;                                                                          \
      widen(panel + (first + c) / 32 * (32 * (bytes)), step, h, vectors, at_column(t, h, c)); \
    }                                                                                       \
  }                                                                                         \
  break
// Blocks of `block_columns`, in steps of `step_columns`; the last argument of `widen` is the number of the step.
#define FOR_STEPS(widen, step_columns, block_columns, bytes)                                        \
  for (size_t c = 0; c < count; c += step_columns) {                                                \
    PREFETCH(c / (step_columns) * (32 * (bytes) * (step_columns) / (block_columns)),                \
             32 * (bytes) * (step_columns) / (block_columns));                                      \
    for (size_t h = 0; h < 2; h += (size_t)vectors) {                                               \
      NOT_HOISTED;                                                                                  \
      widen(panel + (first + c) / (block_columns) * (32 * (bytes)), step, h, vectors, at_column(t, h, c), \
            (int)((first + c) % (block_columns) / (step_columns)));                                 \
    }                                                                                               \
  }                                                                                                 \
  break
#define FOR_256(widen, bytes) FOR_STEPS(widen, 32, 256, bytes)

// Whole blocks of 256 columns.
#define FOR_CODEBOOK(layout, bytes)                                                                 \
  for (size_t c = 0; c < count; c += 256) {                                                         \
    const size_t at = c / 256 * (32 * (bytes)), panels = (size_t)(vectors + 1) / 2;                 \
    size_t ahead = at + 2 * (32 * (bytes));                                                         \
    if (ahead >= step) ahead += (panels - 1) * step;                                                \
    for (size_t h = 0; h < 2; h += (size_t)vectors) {                                               \
      NOT_HOISTED;                                                                                  \
      widen_codebook(panel + first / 256 * (32 * (bytes)) + at, step, h, vectors, at_column(t, h, c), \
                     (codebook_layout)layout, (uintptr_t)panel + ahead);                            \
    }                                                                                               \
  }                                                                                                 \
  break

INLINE columns_target at_vectors(columns_target t, size_t h) {
  t.sums += t.tokens ? h : 0;
  return t;
}
INLINE columns_target at_column(columns_target t, size_t h, size_t c) {
  if (t.tokens) t.x += c * t.tile;
  else t.to += 32 * c;
  return at_vectors(t, h);
}

// Columns first ..< first + count of one panel, or of vectors / 2 panels that are `step` bytes apart. In block formats
// first and count are multiples of 32.
INLINE void each_column(alora_type type, const uint8_t *restrict panel, size_t step, size_t first, size_t count,
                        const int vectors, const columns_target t) {
  switch (type) {
    case ALORA_TYPE_F32: FOR_1(4, v_load((const float *)(const void *)(PLACE(v) + 64 * ROWS(v))));
    case ALORA_TYPE_F16: FOR_1(2, v_load_f16(PLACE(v) + 32 * ROWS(v)));
    case ALORA_TYPE_BF16: FOR_1(2, i_as_float(i_left(i_load_u16(PLACE(v) + 32 * ROWS(v)), 16)));
    case ALORA_TYPE_Q4_0: FOR_32(widen_q4_0, 18);
    case ALORA_TYPE_Q4_1: FOR_32(widen_q4_1, 20);
    case ALORA_TYPE_Q5_0: FOR_32(widen_q5_0, 22);
    case ALORA_TYPE_Q5_1: FOR_32(widen_q5_1, 24);
    case ALORA_TYPE_Q8_0: FOR_32(widen_q8_0, 34);
    case ALORA_TYPE_IQ4_NL: FOR_32(widen_iq4_nl, 18);
    case ALORA_TYPE_MXFP4: FOR_32(widen_mxfp4, 17);
    case ALORA_TYPE_Q2_K: FOR_256(widen_q2_k, 84);
    case ALORA_TYPE_Q3_K: FOR_256(widen_q3_k, 110);
    case ALORA_TYPE_Q4_K: FOR_256(widen_q4_k, 144);
    case ALORA_TYPE_Q5_K: FOR_256(widen_q5_k, 176);
    case ALORA_TYPE_Q6_K: FOR_256(widen_q6_k, 210);
    case ALORA_TYPE_IQ4_XS: FOR_256(widen_iq4_xs, 136);
    case ALORA_TYPE_IQ2_XXS: FOR_CODEBOOK(IQ2_XXS_LAYOUT, 70);
    case ALORA_TYPE_IQ2_XS: FOR_CODEBOOK(IQ2_XS_LAYOUT, 78);
    case ALORA_TYPE_IQ2_S: FOR_CODEBOOK(IQ2_S_LAYOUT, 82);
    case ALORA_TYPE_IQ3_XXS: FOR_CODEBOOK(IQ3_XXS_LAYOUT, 102);
    case ALORA_TYPE_IQ3_S: FOR_CODEBOOK(IQ3_S_LAYOUT, 110);
    case ALORA_TYPE_IQ1_S: FOR_CODEBOOK(IQ1_S_LAYOUT, 54);
    case ALORA_TYPE_IQ1_M: FOR_CODEBOOK(IQ1_M_LAYOUT, 58);
    case ALORA_TYPE_TQ1_0: FOR_STEPS(widen_tq1_0, 64, 256, 58);
    case ALORA_TYPE_TQ2_0: FOR_256(widen_tq2_0, 66);
    case ALORA_TYPE_NVFP4: FOR_STEPS(widen_nvfp4, 32, 64, 36);
    default: break;
  }
}

// Widens columns first ..< first + count of a panel.   to: [count][32]
// F32 needs no widening: its panel has this form already.
TARGET static void widen_columns(alora_type type, const uint8_t *restrict panel, size_t first, size_t count,
                                 float *restrict to) {
  each_column(type, panel, 0, first, count, WIDEN_VECTORS, (columns_target){.to = to});
}
