// Widening of a packed panel to f32, 32 columns at a time, in vectors of 16 rows. Included once per instruction set.
// Products of scale and integer are exact (at most 11 + 7 + 6 bits), so only a minimum's addition rounds, as in `gguf`.

// A field of a panel's block, for rows 16h ..< 16h + 16.   block: the block's first byte   W, H: the format's counts
#define WORD(i) i_load(block + 128 * (size_t)(i) + 64 * h)
#define HALF_FIELD(W, i) (block + 128 * (size_t)(W) + 64 * (size_t)(i) + 32 * h)
#define BYTE_FIELD(W, H) (block + 128 * (size_t)(W) + 64 * (size_t)(H) + 16 * h)
#define EMIT(column, value) v_store(to + 32 * (size_t)(column) + 16 * h, value)
#define BITS(word, shift, mask) i_and(i_right(word, shift), i_set(mask))
#define UNROLL _Pragma("GCC unroll 8")

INLINE v16f negative(v16f x) { return v_sub(v_set(-0.0f), x); }

// Bits shift, shift + 1, … of `low` (4 of them) below bit `bit` of `high`.
INLINE v16i five_bits(v16i low, int shift, v16i high, int bit) {
  const v16i top = bit >= 4 ? i_right(high, bit - 4) : i_left(high, 4 - bit);
  return i_or(BITS(low, shift, 15), i_and(top, i_set(16)));
}

INLINE void widen_q4_0(const uint8_t *block, float *to, size_t h) {
  const v16f d = v_load_f16(HALF_FIELD(4, 0));
  UNROLL for (int i = 0; i < 4; i++) {
    const v16i w = WORD(i);
    UNROLL for (int b = 0; b < 4; b++) {
      EMIT(4 * i + b, v_mul(d, i_to_float(i_sub(BITS(w, 8 * b, 15), i_set(8)))));
      EMIT(16 + 4 * i + b, v_mul(d, i_to_float(i_sub(BITS(w, 8 * b + 4, 15), i_set(8)))));
    }
  }
}

INLINE void widen_q4_1(const uint8_t *block, float *to, size_t h) {
  const v16f d = v_load_f16(HALF_FIELD(4, 0)), m = v_load_f16(HALF_FIELD(4, 1));
  UNROLL for (int i = 0; i < 4; i++) {
    const v16i w = WORD(i);
    UNROLL for (int b = 0; b < 4; b++) {
      EMIT(4 * i + b, v_fma(d, i_to_float(BITS(w, 8 * b, 15)), m));
      EMIT(16 + 4 * i + b, v_fma(d, i_to_float(BITS(w, 8 * b + 4, 15)), m));
    }
  }
}

INLINE void widen_q5_0(const uint8_t *block, float *to, size_t h) {
  const v16f d = v_load_f16(HALF_FIELD(5, 0));
  const v16i high = WORD(0), sixteen = i_set(16);
  UNROLL for (int i = 0; i < 4; i++) {
    const v16i w = WORD(1 + i);
    UNROLL for (int b = 0; b < 4; b++) {
      const int c = 4 * i + b;
      EMIT(c, v_mul(d, i_to_float(i_sub(five_bits(w, 8 * b, high, c), sixteen))));
      EMIT(16 + c, v_mul(d, i_to_float(i_sub(five_bits(w, 8 * b + 4, high, 16 + c), sixteen))));
    }
  }
}

INLINE void widen_q5_1(const uint8_t *block, float *to, size_t h) {
  const v16f d = v_load_f16(HALF_FIELD(5, 0)), m = v_load_f16(HALF_FIELD(5, 1));
  const v16i high = WORD(0);
  UNROLL for (int i = 0; i < 4; i++) {
    const v16i w = WORD(1 + i);
    UNROLL for (int b = 0; b < 4; b++) {
      const int c = 4 * i + b;
      EMIT(c, v_fma(d, i_to_float(five_bits(w, 8 * b, high, c)), m));
      EMIT(16 + c, v_fma(d, i_to_float(five_bits(w, 8 * b + 4, high, 16 + c)), m));
    }
  }
}

INLINE void widen_q8_0(const uint8_t *block, float *to, size_t h) {
  const v16f d = v_load_f16(HALF_FIELD(8, 0));
  UNROLL for (int i = 0; i < 8; i++) {
    const v16i w = WORD(i);
    UNROLL for (int b = 0; b < 4; b++)
      EMIT(4 * i + b, v_mul(d, i_to_float(i_right_signed(i_left(w, 24 - 8 * b), 24))));
  }
}

INLINE void widen_iq4_nl(const uint8_t *block, float *to, size_t h) {
  static const float values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  const v16f d = v_load_f16(HALF_FIELD(4, 0));
  UNROLL for (int i = 0; i < 4; i++) {
    const v16i w = WORD(i);
    UNROLL for (int b = 0; b < 4; b++) {
      EMIT(4 * i + b, v_mul(d, i_lookup(i_right(w, 8 * b), values)));
      EMIT(16 + 4 * i + b, v_mul(d, i_lookup(i_right(w, 8 * b + 4), values)));
    }
  }
}

INLINE void widen_mxfp4(const uint8_t *block, float *to, size_t h) {
  static const float values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  uint8_t exponents[16];
  memcpy(exponents, BYTE_FIELD(4, 0), 16);
  uint32_t bits[16];  // half of 2^(e - 127); subnormal for e < 2
  for (int l = 0; l < 16; l++)
    bits[l] = exponents[l] < 2 ? 0x00200000u << exponents[l] : (uint32_t)(exponents[l] - 1) << 23;
  const v16f d = i_as_float(i_load(bits));
  UNROLL for (int i = 0; i < 4; i++) {
    const v16i w = WORD(i);
    UNROLL for (int b = 0; b < 4; b++) {
      EMIT(4 * i + b, v_mul(d, i_lookup(i_right(w, 8 * b), values)));
      EMIT(16 + 4 * i + b, v_mul(d, i_lookup(i_right(w, 8 * b + 4), values)));
    }
  }
}

// The K formats hold 256 columns; `j` names the 32 of them to widen, 0 ..< 8.

INLINE void widen_q2_k(const uint8_t *block, float *to, size_t h, int j) {
  const v16f d = v_load_f16(HALF_FIELD(20, 0)), minus = negative(v_load_f16(HALF_FIELD(20, 1)));
  for (int g = 0; g < 2; g++) {  // sixteen columns with a scale of their own
    const v16i s = i_right(WORD((2 * j + g) / 4), 8 * ((2 * j + g) % 4));
    const v16f scale = v_mul(d, i_to_float(i_and(s, i_set(15)))), offset = v_mul(minus, i_to_float(BITS(s, 4, 15)));
    UNROLL for (int i = 0; i < 4; i++) {
      const v16i w = i_right(WORD(4 + 8 * (j / 4) + 4 * g + i), 2 * (j % 4));
      UNROLL for (int b = 0; b < 4; b++) EMIT(16 * g + 4 * i + b, v_fma(scale, i_to_float(BITS(w, 8 * b, 3)), offset));
    }
  }
}

INLINE void widen_q3_k(const uint8_t *block, float *to, size_t h, int j) {
  const v16f d = v_load_f16(HALF_FIELD(27, 0));
  for (int g = 0; g < 2; g++) {
    const int s = 2 * j + g;
    const v16i low = BITS(WORD(24 + s % 8 / 4), 8 * (s % 4) + 4 * (s / 8), 15);
    const v16i high = BITS(WORD(26), 8 * (s % 4) + 2 * (s / 4), 3);
    const v16f scale = v_mul(d, i_to_float(i_sub(i_or(low, i_left(high, 4)), i_set(32))));
    UNROLL for (int i = 0; i < 4; i++) {
      const v16i w = i_right(WORD(8 + 8 * (j / 4) + 4 * g + i), 2 * (j % 4)), mask = i_right(WORD(4 * g + i), j);
      UNROLL for (int b = 0; b < 4; b++) {
        const v16i q = i_or(BITS(w, 8 * b, 3), i_left(BITS(mask, 8 * b, 1), 2));
        EMIT(16 * g + 4 * i + b, v_mul(scale, i_to_float(i_sub(q, i_set(4)))));
      }
    }
  }
}

// Scale and minimum number j of Q4_K and Q5_K; their twelve bytes are words 0 to 2.
INLINE void k_scales(const uint8_t *block, size_t h, int j, v16f d, v16f minus, v16f *scale, v16f *offset) {
  const v16i a = WORD(0), b = WORD(1), c = WORD(2);
  const int s = 8 * (j & 3);
  const v16i q = j < 4 ? BITS(a, s, 63) : i_or(BITS(c, s, 15), i_and(i_right(a, s + 2), i_set(0x30)));
  const v16i m = j < 4 ? BITS(b, s, 63) : i_or(BITS(c, s + 4, 15), i_and(i_right(b, s + 2), i_set(0x30)));
  *scale = v_mul(d, i_to_float(q));
  *offset = v_mul(minus, i_to_float(m));
}

INLINE void widen_q4_k(const uint8_t *block, float *to, size_t h, int j) {
  v16f scale, offset;
  k_scales(block, h, j, v_load_f16(HALF_FIELD(35, 0)), negative(v_load_f16(HALF_FIELD(35, 1))), &scale, &offset);
  UNROLL for (int i = 0; i < 8; i++) {
    const v16i w = i_right(WORD(3 + 8 * (j / 2) + i), 4 * (j % 2));
    UNROLL for (int b = 0; b < 4; b++) EMIT(4 * i + b, v_fma(scale, i_to_float(BITS(w, 8 * b, 15)), offset));
  }
}

INLINE void widen_q5_k(const uint8_t *block, float *to, size_t h, int j) {
  v16f scale, offset;
  k_scales(block, h, j, v_load_f16(HALF_FIELD(43, 0)), negative(v_load_f16(HALF_FIELD(43, 1))), &scale, &offset);
  UNROLL for (int i = 0; i < 8; i++) {
    const v16i w = i_right(WORD(11 + 8 * (j / 2) + i), 4 * (j % 2)), high = i_right(WORD(3 + i), j);
    UNROLL for (int b = 0; b < 4; b++) {
      const v16i q = i_or(BITS(w, 8 * b, 15), i_left(BITS(high, 8 * b, 1), 4));
      EMIT(4 * i + b, v_fma(scale, i_to_float(q), offset));
    }
  }
}

INLINE void widen_q6_k(const uint8_t *block, float *to, size_t h, int j) {
  const v16f d = v_load_f16(HALF_FIELD(52, 0));
  for (int g = 0; g < 2; g++) {
    const int s = 2 * j + g;
    const v16f scale = v_mul(d, i_to_float(i_right_signed(i_left(WORD(48 + s / 4), 24 - 8 * (s % 4)), 24)));
    UNROLL for (int i = 0; i < 4; i++) {
      const v16i low = i_right(WORD(16 * (j / 4) + 8 * (j % 2) + 4 * g + i), 4 * (j % 4 / 2));
      const v16i high = i_right(WORD(32 + 8 * (j / 4) + 4 * g + i), 2 * (j % 4));
      UNROLL for (int b = 0; b < 4; b++) {
        const v16i q = i_or(BITS(low, 8 * b, 15), i_left(BITS(high, 8 * b, 3), 4));
        EMIT(16 * g + 4 * i + b, v_mul(scale, i_to_float(i_sub(q, i_set(32)))));
      }
    }
  }
}

INLINE void widen_iq4_xs(const uint8_t *block, float *to, size_t h, int j) {
  static const float values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  const v16i low = BITS(WORD(0), 4 * j, 15), high = BITS(i_load_u16(HALF_FIELD(33, 1)), 2 * j, 3);
  const v16f scale = v_mul(v_load_f16(HALF_FIELD(33, 0)), i_to_float(i_sub(i_or(low, i_left(high, 4)), i_set(32))));
  UNROLL for (int i = 0; i < 4; i++) {
    const v16i w = WORD(1 + 4 * j + i);
    UNROLL for (int b = 0; b < 4; b++) {
      EMIT(4 * i + b, v_mul(scale, i_lookup(i_right(w, 8 * b), values)));
      EMIT(16 + 4 * i + b, v_mul(scale, i_lookup(i_right(w, 8 * b + 4), values)));
    }
  }
}

#define FOR_32(widen, bytes)                                                                          \
  for (size_t c = 0; c < count; c += 32)                                                              \
    for (size_t h = 0; h < 2; h++) widen(panel + (first + c) / 32 * (32 * (bytes)), to + 32 * c, h);  \
  break
#define FOR_256(widen, bytes)                                                                         \
  for (size_t c = 0; c < count; c += 32)                                                              \
    for (size_t h = 0; h < 2; h++)                                                                    \
      widen(panel + (first + c) / 256 * (32 * (bytes)), to + 32 * c, h, (int)((first + c) % 256 / 32)); \
  break

// Widens columns first ..< first + count of a panel.   to: [count][32]
// In block formats first and count are multiples of 32. F32 needs no widening: its panel has this form already.
TARGET static void widen_columns(alora_type type, const uint8_t *restrict panel, size_t first, size_t count,
                                 float *restrict to) {
  switch (type) {
    case ALORA_TYPE_F32: memcpy(to, panel + 128 * first, 128 * count); break;
    case ALORA_TYPE_F16:
      for (size_t i = 0; i < 2 * count; i++) v_store(to + 16 * i, v_load_f16(panel + 64 * first + 32 * i));
      break;
    case ALORA_TYPE_BF16:
      for (size_t i = 0; i < 2 * count; i++)
        v_store(to + 16 * i, i_as_float(i_left(i_load_u16(panel + 64 * first + 32 * i), 16)));
      break;
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
  }
}
