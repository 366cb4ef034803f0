// Sixteen lanes in plain C: the reference every other instruction set must agree with, and the fallback.
#ifndef ALORA_SCALAR_VECTOR_H
#define ALORA_SCALAR_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KERNEL(name) name##_scalar
#define TARGET
#define INLINE static inline __attribute__((always_inline))
#define TILE_VECTORS 1   // vectors of 16 outputs in one micro-kernel
#define MICRO_TOKENS 4   // tokens in one micro-kernel
#define MICRO_PANELS 1    // panels in one micro-kernel, if it has more vectors and fewer tokens
#define UNROLL _Pragma("GCC unroll 1")  // small code rather than fast
#define WIDEN_VECTORS 1  // vectors of 16 rows widened together
#define TOKEN_PANELS 1   // panels of 32 rows together when there is one token
#define TOKEN_VECTORS 1  // vectors of one panel together when there is one token
#define SCAN_VECTORS 1   // vectors of a head's channels together in a scan
#define FEW_GROUP 1      // most tokens that are multiplied together without a strip of weights: 1, 4 or 8;
                         // TWO_GROUPS_PAY: whether two such groups are faster than a strip, for a type and more tokens than one has;
                         // FEW_TOKENS_VECTORS: vectors of one panel together in a group
#define WIDENS_BY_EXPONENT 0  // how numbers become floats: see widen.inc.h

typedef struct { float lane[16]; } v16f;
typedef v16f v16f_part;  // what one register holds
typedef struct { uint32_t lane[16]; } v16i;

#define EACH_LANE for (int l = 0; l < 16; l++)

INLINE v16f v_load(const float *p) { v16f r; memcpy(r.lane, p, 64); return r; }
INLINE void v_store(float *p, v16f a) { memcpy(p, a.lane, 64); }
INLINE v16f v_load_part(const float *p, size_t n) { v16f r = {{0}}; memcpy(r.lane, p, 4 * n); return r; }
INLINE void v_store_part(float *p, v16f a, size_t n) { memcpy(p, a.lane, 4 * n); }
INLINE v16f v_set(float x) { v16f r; EACH_LANE r.lane[l] = x; return r; }
INLINE v16f v_add(v16f a, v16f b) { EACH_LANE a.lane[l] = a.lane[l] + b.lane[l]; return a; }
INLINE v16f v_sub(v16f a, v16f b) { EACH_LANE a.lane[l] = a.lane[l] - b.lane[l]; return a; }
INLINE v16f v_mul(v16f a, v16f b) { EACH_LANE a.lane[l] = a.lane[l] * b.lane[l]; return a; }
INLINE v16f v_div(v16f a, v16f b) { EACH_LANE a.lane[l] = a.lane[l] / b.lane[l]; return a; }
INLINE v16f v_fma(v16f a, v16f b, v16f c) { EACH_LANE c.lane[l] = __builtin_fmaf(a.lane[l], b.lane[l], c.lane[l]); return c; }
// a > b ? a : b and a < b ? a : b, as the x86 instructions do.
INLINE v16f v_max(v16f a, v16f b) { EACH_LANE a.lane[l] = a.lane[l] > b.lane[l] ? a.lane[l] : b.lane[l]; return a; }
INLINE v16f v_min(v16f a, v16f b) { EACH_LANE a.lane[l] = a.lane[l] < b.lane[l] ? a.lane[l] : b.lane[l]; return a; }
// a < b ? x : y
INLINE v16f v_if_less(v16f a, v16f b, v16f x, v16f y) { EACH_LANE x.lane[l] = a.lane[l] < b.lane[l] ? x.lane[l] : y.lane[l]; return x; }
INLINE v16i v_bits(v16f a) { v16i r; memcpy(&r, &a, 64); return r; }
INLINE v16f i_as_float(v16i a) { v16f r; memcpy(&r, &a, 64); return r; }
INLINE v16f i_to_float(v16i a) { v16f r; EACH_LANE r.lane[l] = (float)(int32_t)a.lane[l]; return r; }
INLINE v16i i_load(const void *p) { v16i r; memcpy(&r, p, 64); return r; }
INLINE void i_store(void *p, v16i a) { memcpy(p, a.lane, 64); }
INLINE v16i i_load_u16(const void *p) { uint16_t h[16]; memcpy(h, p, 32); v16i r; EACH_LANE r.lane[l] = h[l]; return r; }
INLINE v16i i_load_u8(const void *p) { uint8_t b[16]; memcpy(b, p, 16); v16i r; EACH_LANE r.lane[l] = b[l]; return r; }
// table[i]
INLINE v16i i_gather(const uint32_t *table, v16i i) { EACH_LANE i.lane[l] = table[i.lane[l]]; return i; }
INLINE v16i i_set(uint32_t x) { v16i r; EACH_LANE r.lane[l] = x; return r; }
INLINE v16i i_add(v16i a, v16i b) { EACH_LANE a.lane[l] += b.lane[l]; return a; }
INLINE v16i i_sub(v16i a, v16i b) { EACH_LANE a.lane[l] -= b.lane[l]; return a; }
INLINE v16i i_and(v16i a, v16i b) { EACH_LANE a.lane[l] &= b.lane[l]; return a; }
INLINE v16i i_or(v16i a, v16i b) { EACH_LANE a.lane[l] |= b.lane[l]; return a; }
INLINE v16i i_left(v16i a, int n) { EACH_LANE a.lane[l] <<= n; return a; }
INLINE v16i i_right(v16i a, int n) { EACH_LANE a.lane[l] >>= n; return a; }
// Bits of a where the mask has them, otherwise of b.
INLINE v16i i_select(uint32_t mask, v16i a, v16i b) { return i_or(i_and(a, i_set(mask)), i_and(b, i_set(~mask))); }
INLINE v16i i_right_signed(v16i a, int n) { EACH_LANE a.lane[l] = (uint32_t)((int32_t)a.lane[l] >> n); return a; }
#define IS_LOOKUP_FAST 0  // whether a lookup costs as much as a shift
// table[a & 15]
INLINE v16f i_lookup(v16i a, const float *table) { v16f r; EACH_LANE r.lane[l] = table[a.lane[l] & 15]; return r; }
// Bits n ..< n + 4.
INLINE v16f i_nibble(v16i a, int n) { return i_to_float(i_and(i_right(a, n), i_set(15))); }
// The lowest five bits of byte b.
INLINE v16f i_five(v16i w, int b) { return i_to_float(i_and(i_right(w, 8 * b), i_set(31))); }
// 2^24 times byte b, which is signed.
INLINE v16f i_high_byte(v16i a, int b) { return i_to_float(i_and(i_left(a, 24 - 8 * b), i_set(0xff000000u))); }
// x less in each byte. No byte borrows from the next: x and the bytes are below 64, and 128 is added and taken away.
INLINE v16i i_bytes_minus(v16i a, uint8_t x) {
  EACH_LANE a.lane[l] = (a.lane[l] + 0x80808080u - x * 0x01010101u) ^ 0x80808080u;
  return a;
}
// Each byte, from 0 to 15, becomes one of sixteen.
INLINE v16i i_byte_values(v16i a, const int8_t *values) {
  EACH_LANE {
    uint32_t bytes = 0;
    for (int b = 0; b < 4; b++) bytes |= (uint32_t)(uint8_t)values[a.lane[l] >> 8 * b & 15] << 8 * b;
    a.lane[l] = bytes;
  }
  return a;
}
// Sixteen f16, widened exactly. Multiplying by 2^112 puts the exponent right and normalises subnormals.
INLINE v16f v_load_f16(const void *p) {
  const v16i half = i_load_u16(p);
  v16f r;
  EACH_LANE {
    const uint32_t sign = (half.lane[l] & 0x8000u) << 16, magnitude = (half.lane[l] & 0x7fffu) << 13;
    float scaled;
    memcpy(&scaled, &magnitude, 4);
    scaled *= 0x1p112f;
    uint32_t bits;
    memcpy(&bits, &scaled, 4);
    bits = sign | (magnitude >= 0x0f800000u ? magnitude | 0x7f800000u : bits);
    memcpy(&r.lane[l], &bits, 4);
  }
  return r;
}

#endif
