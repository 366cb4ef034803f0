// exp and tanh on sixteen lanes. Every operation is spelled out, so all instruction sets round alike.

// y * 2^n for 0.7 <= y < 1.42 and an integer n, rounded once. shifted = n + 1.5 * 2^23. Without a range of n, only |n| <= 252; with one,
// the result is 0 for all n below.
#ifdef HAS_TIMES_POWER_OF_TWO
#define LEAST_EXPONENT(x) x
#else
#define LEAST_EXPONENT(x) v_max(v_set(-105.0f), x)  // exp(-105) rounds to 0. Order of arguments: a NaN in x stays
INLINE v16f v_times_power_of_two(v16f y, v16f n, v16f shifted) {  // in two factors, the first product is exact
  (void)n;
  const v16i exponent = i_sub(v_bits(shifted), v_bits(v_set(0x1.8p23f))), half = i_right_signed(exponent, 1);
  const v16i bias = i_set(127), rest = i_sub(exponent, half);
  const v16f scaled = v_mul(y, i_as_float(i_left(i_add(half, bias), 23)));
  return v_mul(scaled, i_as_float(i_left(i_add(rest, bias), 23)));
}
#endif

// exp(x) = 2^n (1 + r + r^2 q(r)), n = round(x / ln 2), |r| <= ln 2 / 2; q interpolates at Chebyshev nodes to degree 5.
// 2^n is applied so that a subnormal result is rounded once.
INLINE v16f v_exp_of_negative(v16f x) {  // or of x up to 90
  x = LEAST_EXPONENT(x);
  const v16f magic = v_set(0x1.8p23f);
  const v16f shifted = v_fma(x, v_set(0x1.715476p+0f), magic), n = v_sub(shifted, magic);
  v16f r = v_fma(n, v_set(-0x1.62e4p-1f), x);
  r = v_fma(n, v_set(-0x1.7f7d1cp-20f), r);
  v16f q = v_set(0x1.a12a42p-13f);
  q = v_fma(q, r, v_set(0x1.6d4920p-10f));
  q = v_fma(q, r, v_set(0x1.1110e0p-7f));
  q = v_fma(q, r, v_set(0x1.5554e4p-5f));
  q = v_fma(q, r, v_set(0x1.555556p-3f));
  q = v_fma(q, r, v_set(0.5f));
  const v16f y = v_add(v_fma(v_mul(r, r), q, r), v_set(1.0f));
  return v_times_power_of_two(y, n, shifted);
}
INLINE v16f v_exp(v16f x) { return v_exp_of_negative(v_min(v_set(90.0f), x)); }  // exp(90) rounds to infinity

// |x| < 0.625: x + x^3 p(x^2), p of degree 5 on [0, 0.4]; above: 1 - 2 / (exp(2 |x|) + 1), with x's sign.
INLINE v16f v_tanh(v16f x) {
  const v16i sign = i_and(v_bits(x), i_set(0x80000000u));
  const v16f a = i_as_float(i_and(v_bits(x), i_set(0x7fffffffu)));
  const v16f z = v_mul(x, x);
  v16f p = v_set(0x1.2977d8p-9f);
  p = v_fma(p, z, v_set(-0x1.10bbf4p-7f));
  p = v_fma(p, z, v_set(0x1.648e8ep-6f));
  p = v_fma(p, z, v_set(-0x1.ba0718p-5f));
  p = v_fma(p, z, v_set(0x1.1110e4p-3f));
  p = v_fma(p, z, v_set(-0x1.555556p-2f));
  const v16f small = v_fma(v_mul(z, a), p, a);
  const v16f large = v_sub(v_set(1.0f), v_div(v_set(2.0f), v_add(v_exp(v_add(a, a)), v_set(1.0f))));
  return i_as_float(i_or(v_bits(v_if_less(a, v_set(0.625f), small, large)), sign));
}

INLINE v16f v_soft_cap(v16f x, v16f cap) { return v_mul(cap, v_tanh(v_div(x, cap))); }

// Lane sums end here: l += l + 8, l + 4, l + 2, l + 1 (note 4 of alora_kernels.h).
INLINE float folded_sum(v16f sums) {
  float s[16];
  v_store(s, sums);
  for (int width = 8; width > 0; width /= 2)
    for (int l = 0; l < width; l++) s[l] = s[l] + s[l + width];
  return s[0];
}

INLINE float folded_max(v16f values) {
  float s[16];
  v_store(s, values);
  for (int l = 1; l < 16; l++) s[0] = s[l] > s[0] ? s[l] : s[0];
  return s[0];
}

// y[i] := exp(x[i] - m); returns the lane sum of the results. y may be x.
INLINE float exp_less(const float *x, float *y, size_t n, float m) {
  const v16f shift = v_set(m);
  v16f sums = v_set(0.0f);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const v16f e = v_exp(v_sub(v_load(x + i), shift));
    v_store(y + i, e);
    sums = v_add(sums, e);
  }
  if (i < n) {  // missing lanes add +0, which changes no sum: sums are +0 or positive
    float rest[16] = {0};
    v_store_part(rest, v_exp(v_sub(v_load_part(x + i, n - i), shift)), n - i);
    v_store_part(y + i, v_load(rest), n - i);
    sums = v_add(sums, v_load(rest));
  }
  return folded_sum(sums);
}

// The same with the largest of x for m. n >= 1.
INLINE float exp_and_sum(const float *x, float *y, size_t n) {
  v16f largest = v_set(x[0]);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) largest = v_max(v_load(x + i), largest);
  float m = folded_max(largest);
  for (; i < n; i++) m = x[i] > m ? x[i] : m;
  return exp_less(x, y, n, m);
}
