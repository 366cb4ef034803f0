// Element-wise functions, norms, softmax and rotary embedding. Included once per instruction set.
#include "functions.inc.h"

#define MAP(expression_of_i_full, expression_of_i_part)                  \
  size_t i = 0;                                                          \
  for (; i + 16 <= count; i += 16) v_store(y + i, expression_of_i_full); \
  if (i < count) v_store_part(y + i, expression_of_i_part, count - i)
#define FULL(p) v_load((p) + i)
#define PART(p) v_load_part((p) + i, count - i)

TARGET void KERNEL(alora_add)(const float *a, const float *b, float *y, size_t count) {
  MAP(v_add(FULL(a), FULL(b)), v_add(PART(a), PART(b)));
}

TARGET void KERNEL(alora_multiply)(const float *a, const float *b, float *y, size_t count) {
  MAP(v_mul(FULL(a), FULL(b)), v_mul(PART(a), PART(b)));
}

TARGET void KERNEL(alora_scale_by)(float scale, const float *x, float *y, size_t count) {
  const v16f s = v_set(scale);
  MAP(v_mul(s, FULL(x)), v_mul(s, PART(x)));
}

TARGET void KERNEL(alora_add_scaled)(float scale, const float *x, float *y, size_t count) {
  const v16f s = v_set(scale);
  MAP(v_fma(s, FULL(x), FULL(y)), v_fma(s, PART(x), PART(y)));
}

TARGET void KERNEL(alora_soft_cap)(float cap, const float *x, float *y, size_t count) {
  const v16f c = v_set(cap);
  MAP(v_soft_cap(FULL(x), c), v_soft_cap(PART(x), c));
}

TARGET void KERNEL(alora_exp)(const float *x, float *y, size_t count) { MAP(v_exp(FULL(x)), v_exp(PART(x))); }
TARGET void KERNEL(alora_tanh)(const float *x, float *y, size_t count) { MAP(v_tanh(FULL(x)), v_tanh(PART(x))); }

// g / (1 + exp(-z)): SiLU for z = g, GELU in its tanh form for z = 2u.
INLINE v16f gated(v16f g, v16f z, v16f up) {
  const v16f denominator = v_add(v_set(1.0f), v_exp(v_sub(v_set(-0.0f), z)));
  return v_mul(v_div(g, denominator), up);
}
INLINE v16f gelu_argument(v16f g) {  // 2 sqrt(2 / pi) (g + 0.044715 g^3)
  const v16f cubic = v_fma(v_mul(v_mul(g, g), g), v_set(0.044715f), g);
  return v_mul(cubic, v_set(0x1.988454p+0f));
}

TARGET void KERNEL(alora_silu_multiply)(const float *gate, const float *up, float *y, size_t count) {
  MAP(gated(FULL(gate), FULL(gate), FULL(up)), gated(PART(gate), PART(gate), PART(up)));
}

TARGET void KERNEL(alora_gelu_tanh_multiply)(const float *gate, const float *up, float *y, size_t count) {
  MAP(gated(FULL(gate), gelu_argument(FULL(gate)), FULL(up)), gated(PART(gate), gelu_argument(PART(gate)), PART(up)));
}

INLINE v16f clamped_swish(v16f slope, v16f limit, v16f gate, v16f up) {
  const v16f g = v_min(limit, gate), u = v_max(v_sub(v_set(-0.0f), limit), v_min(limit, up));  // a NaN stays
  return gated(g, v_mul(slope, g), v_add(u, v_set(1.0f)));
}

TARGET void KERNEL(alora_clamped_swish_multiply)(float slope, float limit, const float *gate, const float *up, float *y,
                                                 size_t count) {
  const v16f s = v_set(slope), l = v_set(limit);
  MAP(clamped_swish(s, l, FULL(gate), FULL(up)), clamped_swish(s, l, PART(gate), PART(up)));
}

INLINE v16f sigmoid(v16f x) {
  const v16f one = v_set(1.0f);
  return v_div(one, v_add(one, v_exp(v_sub(v_set(-0.0f), x))));
}

TARGET void KERNEL(alora_sigmoid)(const float *x, float *y, size_t count) { MAP(sigmoid(FULL(x)), sigmoid(PART(x))); }

INLINE v16f relu_squared(v16f x) {
  const v16f r = v_max(v_set(0.0f), x);  // a NaN stays
  return v_mul(r, r);
}

TARGET void KERNEL(alora_relu_squared)(const float *x, float *y, size_t count) {
  MAP(relu_squared(FULL(x)), relu_squared(PART(x)));
}

// y[i] = (x[i] * r) * weight[i], or x[i] * r without a weight. y may be x.
INLINE void scale_with_weight(const float *x, v16f r, const float *weight, float *y, size_t n) {
  size_t i = 0;
  if (!weight) {
    for (; i + 16 <= n; i += 16) v_store(y + i, v_mul(v_load(x + i), r));
    if (i < n) v_store_part(y + i, v_mul(v_load_part(x + i, n - i), r), n - i);
    return;
  }
  for (; i + 16 <= n; i += 16) v_store(y + i, v_mul(v_mul(v_load(x + i), r), v_load(weight + i)));
  if (i < n) v_store_part(y + i, v_mul(v_mul(v_load_part(x + i, n - i), r), v_load_part(weight + i, n - i)), n - i);
}

// The lane sum of x * x.
INLINE float sum_of_squares(const float *x, size_t n) {
  v16f sums = v_set(0.0f);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) sums = v_fma(v_load(x + i), v_load(x + i), sums);
  if (i < n) {  // missing lanes add +0
    const v16f rest = v_load_part(x + i, n - i);
    sums = v_fma(rest, rest, sums);
  }
  return folded_sum(sums);
}

TARGET void KERNEL(alora_rms_norm)(const float *x, size_t x_stride, const float *restrict weight, float epsilon, float *y,
                                   size_t y_stride, size_t token_count, size_t n) {
  for (size_t t = 0; t < token_count; t++, x += x_stride, y += y_stride) {
    const float mean = sum_of_squares(x, n) / (float)n;
    const v16f r = v_set(1.0f / __builtin_sqrtf(mean + epsilon));
    scale_with_weight(x, r, weight, y, n);
  }
}

TARGET void KERNEL(alora_l2_norm)(const float *x, size_t x_stride, float epsilon, float scale, float *y, size_t y_stride,
                                  size_t token_count, size_t n) {
  const v16f factor = v_set(scale);
  for (size_t t = 0; t < token_count; t++, x += x_stride, y += y_stride) {
    const v16f r = v_set(1.0f / __builtin_sqrtf(sum_of_squares(x, n) + epsilon));
    size_t i = 0;
    for (; i + 16 <= n; i += 16) v_store(y + i, v_mul(v_mul(v_load(x + i), r), factor));
    if (i < n) v_store_part(y + i, v_mul(v_mul(v_load_part(x + i, n - i), r), factor), n - i);
  }
}

// Writes x - m to y, m = (lane sum of x) / n, and returns the lane sum of their squares. y may be x.
INLINE float centred(const float *x, float *y, size_t n) {
  v16f sums = v_set(0.0f);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) sums = v_add(sums, v_load(x + i));
  if (i < n) sums = v_add(sums, v_load_part(x + i, n - i));  // missing lanes add +0
  const v16f mean = v_set(folded_sum(sums) / (float)n);
  sums = v_set(0.0f);
  for (i = 0; i + 16 <= n; i += 16) {
    const v16f d = v_sub(v_load(x + i), mean);
    v_store(y + i, d);
    sums = v_fma(d, d, sums);
  }
  if (i < n) {
    v_store_part(y + i, v_sub(v_load_part(x + i, n - i), mean), n - i);
    const v16f rest = v_load_part(y + i, n - i);
    sums = v_fma(rest, rest, sums);
  }
  return folded_sum(sums);
}

TARGET void KERNEL(alora_layer_norm)(const float *x, size_t x_stride, const float *restrict weight, float epsilon,
                                     float *y, size_t y_stride, size_t token_count, size_t n) {
  for (size_t t = 0; t < token_count; t++, x += x_stride, y += y_stride) {
    const float variance = centred(x, y, n) / (float)n;
    scale_with_weight(y, v_set(1.0f / __builtin_sqrtf(variance + epsilon)), weight, y, n);
  }
}

INLINE v16f above(v16f x, v16f limit) { return v_max(v_set(0.0f), v_sub(x, limit)); }  // a NaN stays

TARGET void KERNEL(alora_cut_off)(const float *x, size_t x_stride, float multiplier, float *y, size_t y_stride,
                                  size_t token_count, size_t n) {
  for (size_t t = 0; t < token_count; t++, x += x_stride, y += y_stride) {
    const float deviation = __builtin_sqrtf(centred(x, y, n) / (float)n);
    const v16f limit = v_set(deviation * multiplier);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) v_store(y + i, above(v_load(y + i), limit));
    if (i < n) v_store_part(y + i, above(v_load_part(y + i, n - i), limit), n - i);
  }
}

TARGET void KERNEL(alora_match_magnitude)(const float *x, size_t x_stride, const float *target, size_t target_stride,
                                          float least, float *y, size_t y_stride, size_t token_count, size_t n) {
  for (size_t t = 0; t < token_count; t++, x += x_stride, target += target_stride, y += y_stride) {
    const float own = sum_of_squares(x, n) / (float)n, other = sum_of_squares(target, n) / (float)n;
    const v16f a = v_set(__builtin_sqrtf(other)), b = v_set(__builtin_sqrtf(own < least ? least : own));
    size_t i = 0;
    for (; i + 16 <= n; i += 16) v_store(y + i, v_div(v_mul(v_load(x + i), a), b));
    if (i < n) v_store_part(y + i, v_div(v_mul(v_load_part(x + i, n - i), a), b), n - i);
  }
}

TARGET void KERNEL(alora_softmax)(const float *x, float *y, size_t n) {
  const size_t count = n;
  const v16f sum = v_set(exp_and_sum(x, y, n));
  MAP(v_div(FULL(y), sum), v_div(PART(y), sum));
}

TARGET void KERNEL(alora_rope)(alora_rope_layout layout, float *restrict x, size_t x_stride, size_t token_count,
                               size_t head_count, size_t head_dim, const float *restrict cosines,
                               const float *restrict sines, size_t n) {
  const size_t step = layout == ALORA_ROPE_HALVES ? 1 : 2, partner = layout == ALORA_ROPE_HALVES ? n : 1;
  for (size_t t = 0; t < token_count; t++, x += x_stride, cosines += n, sines += n)
    for (size_t h = 0; h < head_count; h++) {
      float *head = x + h * head_dim;
      size_t i = 0;
      if (layout == ALORA_ROPE_HALVES)
        for (; i + 16 <= n; i += 16) {
          const v16f a = v_load(head + i), b = v_load(head + n + i), c = v_load(cosines + i), s = v_load(sines + i);
          v_store(head + i, v_fma(a, c, v_sub(v_set(-0.0f), v_mul(b, s))));
          v_store(head + n + i, v_fma(b, c, v_mul(a, s)));
        }
      for (; i < n; i++) {
        const float a = head[step * i], b = head[step * i + partner];
        const float bs = b * sines[i], as = a * sines[i];
        head[step * i] = __builtin_fmaf(a, cosines[i], -bs);
        head[step * i + partner] = __builtin_fmaf(b, cosines[i], as);
      }
    }
}
