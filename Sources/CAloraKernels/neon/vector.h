// Sixteen lanes in four NEON registers (aarch64).
#ifndef ALORA_NEON_VECTOR_H
#define ALORA_NEON_VECTOR_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KERNEL(name) name##_neon
#define TARGET
#define INLINE static inline __attribute__((always_inline))
#define TILE_VECTORS 1
#define MICRO_TOKENS 6
#define MICRO_PANELS 1
#define WIDEN_VECTORS 1
#define TOKEN_PANELS 1
#define TOKEN_VECTORS 1
#define SCAN_VECTORS 2
#define FEW_GROUP 4
#define TWO_GROUPS_PAY(type, tokens) 0
#define FEW_TOKENS_VECTORS 1
#define WIDENS_BY_EXPONENT 1
#define IS_LOOKUP_FAST 0

typedef float32x4x4_t v16f;
typedef float32x4_t v16f_part;  // what one register holds
typedef uint32x4x4_t v16i;

#define FOUR(e0, e1, e2, e3) {{e0, e1, e2, e3}}
#define UNARY(type, f) { return (type)FOUR(f(x.val[0]), f(x.val[1]), f(x.val[2]), f(x.val[3])); }
#define BINARY(type, f) { return (type)FOUR(f(x.val[0], y.val[0]), f(x.val[1], y.val[1]), f(x.val[2], y.val[2]), f(x.val[3], y.val[3])); }

INLINE v16f v_load(const float *p) { return (v16f)FOUR(vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)); }
INLINE void v_store(float *p, v16f x) { vst1q_f32(p, x.val[0]); vst1q_f32(p + 4, x.val[1]); vst1q_f32(p + 8, x.val[2]); vst1q_f32(p + 12, x.val[3]); }
INLINE v16f v_load_part(const float *p, size_t n) { float t[16] = {0}; memcpy(t, p, 4 * n); return v_load(t); }
INLINE void v_store_part(float *p, v16f x, size_t n) { float t[16]; v_store(t, x); memcpy(p, t, 4 * n); }
INLINE v16f v_set(float x) { const float32x4_t s = vdupq_n_f32(x); return (v16f)FOUR(s, s, s, s); }
INLINE v16f v_add(v16f x, v16f y) BINARY(v16f, vaddq_f32)
INLINE v16f v_sub(v16f x, v16f y) BINARY(v16f, vsubq_f32)
INLINE v16f v_mul(v16f x, v16f y) BINARY(v16f, vmulq_f32)
INLINE v16f v_div(v16f x, v16f y) BINARY(v16f, vdivq_f32)
INLINE v16f v_fma(v16f x, v16f y, v16f z) {
  return (v16f)FOUR(vfmaq_f32(z.val[0], x.val[0], y.val[0]), vfmaq_f32(z.val[1], x.val[1], y.val[1]),
                    vfmaq_f32(z.val[2], x.val[2], y.val[2]), vfmaq_f32(z.val[3], x.val[3], y.val[3]));
}
INLINE float32x4_t greater4(float32x4_t x, float32x4_t y) { return vbslq_f32(vcgtq_f32(x, y), x, y); }
INLINE float32x4_t less4(float32x4_t x, float32x4_t y) { return vbslq_f32(vcltq_f32(x, y), x, y); }
INLINE v16f v_max(v16f x, v16f y) BINARY(v16f, greater4)
INLINE v16f v_min(v16f x, v16f y) BINARY(v16f, less4)
INLINE v16f v_if_less(v16f p, v16f q, v16f x, v16f y) {
  for (int i = 0; i < 4; i++) x.val[i] = vbslq_f32(vcltq_f32(p.val[i], q.val[i]), x.val[i], y.val[i]);
  return x;
}
INLINE v16i v_bits(v16f x) UNARY(v16i, vreinterpretq_u32_f32)
INLINE v16f i_as_float(v16i x) UNARY(v16f, vreinterpretq_f32_u32)
INLINE float32x4_t signed_to_float4(uint32x4_t x) { return vcvtq_f32_s32(vreinterpretq_s32_u32(x)); }
INLINE v16f i_to_float(v16i x) UNARY(v16f, signed_to_float4)
INLINE v16i i_load(const void *p) {
  const uint8_t *b = p;
  return (v16i)FOUR(vreinterpretq_u32_u8(vld1q_u8(b)), vreinterpretq_u32_u8(vld1q_u8(b + 16)),
                    vreinterpretq_u32_u8(vld1q_u8(b + 32)), vreinterpretq_u32_u8(vld1q_u8(b + 48)));
}
INLINE void i_store(uint32_t *p, v16i x) { for (int k = 0; k < 4; k++) vst1q_u32(p + 4 * k, x.val[k]); }
INLINE v16i i_load_u16(const void *p) {
  const uint16x8_t low = vreinterpretq_u16_u8(vld1q_u8(p)), high = vreinterpretq_u16_u8(vld1q_u8((const uint8_t *)p + 16));
  return (v16i)FOUR(vmovl_u16(vget_low_u16(low)), vmovl_high_u16(low), vmovl_u16(vget_low_u16(high)), vmovl_high_u16(high));
}
INLINE v16i i_load_u8(const void *p) {
  const uint8x16_t bytes = vld1q_u8(p);
  const uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_high_u8(bytes);
  return (v16i)FOUR(vmovl_u16(vget_low_u16(low)), vmovl_high_u16(low), vmovl_u16(vget_low_u16(high)), vmovl_high_u16(high));
}
INLINE v16i i_gather(const uint32_t *table, v16i i) {
  uint32_t lanes[16];
  for (int k = 0; k < 4; k++) vst1q_u32(lanes + 4 * k, i.val[k]);
  for (int l = 0; l < 16; l++) lanes[l] = table[lanes[l]];
  return (v16i)FOUR(vld1q_u32(lanes), vld1q_u32(lanes + 4), vld1q_u32(lanes + 8), vld1q_u32(lanes + 12));
}
INLINE v16i i_set(uint32_t x) { const uint32x4_t s = vdupq_n_u32(x); return (v16i)FOUR(s, s, s, s); }
INLINE v16i i_add(v16i x, v16i y) BINARY(v16i, vaddq_u32)
INLINE v16i i_sub(v16i x, v16i y) BINARY(v16i, vsubq_u32)
INLINE v16i i_and(v16i x, v16i y) BINARY(v16i, vandq_u32)
INLINE v16i i_or(v16i x, v16i y) BINARY(v16i, vorrq_u32)
INLINE v16i i_left(v16i x, int n) { for (int i = 0; i < 4; i++) x.val[i] = vshlq_u32(x.val[i], vdupq_n_s32(n)); return x; }
INLINE v16i i_right(v16i x, int n) { for (int i = 0; i < 4; i++) x.val[i] = vshlq_u32(x.val[i], vdupq_n_s32(-n)); return x; }
INLINE v16i i_select(uint32_t mask, v16i a, v16i b) { return i_or(i_and(a, i_set(mask)), i_and(b, i_set(~mask))); }
INLINE v16i i_right_signed(v16i x, int n) {
  for (int i = 0; i < 4; i++) x.val[i] = vreinterpretq_u32_s32(vshlq_s32(vreinterpretq_s32_u32(x.val[i]), vdupq_n_s32(-n)));
  return x;
}
INLINE v16f i_lookup(v16i x, const float *table) {
  uint32_t index[16];
  for (int i = 0; i < 4; i++) vst1q_u32(index + 4 * i, x.val[i]);
  float t[16];
  for (int l = 0; l < 16; l++) t[l] = table[index[l] & 15];
  return v_load(t);
}
INLINE v16f i_nibble(v16i a, int n) { return i_to_float(i_and(i_right(a, n), i_set(15))); }
INLINE v16f i_five(v16i w, int b) { return i_to_float(i_and(i_right(w, 8 * b), i_set(31))); }
// 2^24 times byte b, which is signed.
INLINE v16f i_high_byte(v16i a, int b) { return i_to_float(i_and(i_left(a, 24 - 8 * b), i_set(0xff000000u))); }
INLINE v16i i_bytes_minus(v16i a, uint8_t x) {
  for (int i = 0; i < 4; i++)
    a.val[i] = vreinterpretq_u32_u8(vsubq_u8(vreinterpretq_u8_u32(a.val[i]), vdupq_n_u8(x)));
  return a;
}
INLINE v16i i_byte_values(v16i a, const int8_t *values) {
  const uint8x16_t t = vreinterpretq_u8_s8(vld1q_s8(values));
  for (int i = 0; i < 4; i++) a.val[i] = vreinterpretq_u32_u8(vqtbl1q_u8(t, vreinterpretq_u8_u32(a.val[i])));
  return a;
}
INLINE v16f v_load_f16(const void *p) {
  float16x8_t low, high;
  memcpy(&low, p, 16);
  memcpy(&high, (const uint8_t *)p + 16, 16);
  return (v16f)FOUR(vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low), vcvt_f32_f16(vget_low_f16(high)), vcvt_high_f32_f16(high));
}

#endif
