// exp, log, pow, sin and cos in binary64, from additions, multiplications and divisions alone: the same bits everywhere.
#include "../shared/exact.h"

#include <string.h>

#include "../include/alora_kernels.h"

static inline double double_of(uint64_t bits) {
  double x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
static inline uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

// Rounds to the nearest integer; |x| < 2^51.
static inline double nearest(double x) { return (x + 0x1.8p52) - 0x1.8p52; }

// 2^n for -1022 <= n <= 1023.
static inline double power_of_two(int64_t n) { return double_of((uint64_t)(n + 1023) << 52); }

// (1 + 2^-53-ish) exp(high + low), |low| tiny: Taylor series to degree 13 on |r| <= ln 2 / 2.
static double exp_of_sum(double high, double low) {
  if (!(high > -745.2)) return high != high ? high : 0.0;
  if (high > 709.8) return double_of(0x7ff0000000000000u);
  const double n = nearest(high * 0x1.71547652b82fep+0);
  // n * 0x1.62e42feep-1 is exact: the constant has 32 bits, n at most 11.
  const double r = (high - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33 + low;
  double p = 1.0 / 6227020800.0;
  static const double inverse_factorials[] = {1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0,
                                              1.0 / 40320.0,     1.0 / 5040.0,     1.0 / 720.0,     1.0 / 120.0,
                                              1.0 / 24.0,        1.0 / 6.0,        0.5};
  for (int i = 0; i < 11; i++) p = p * r + inverse_factorials[i];
  const double y = 1.0 + (r + r * r * p);
  const int64_t exponent = (int64_t)n, half = exponent / 2;
  return y * power_of_two(half) * power_of_two(exponent - half);
}

double alora_exp_f64(double x) { return exp_of_sum(x, 0.0); }

// log x = e ln 2 + log m, 1/sqrt 2 <= m < sqrt 2, log m = 2 atanh(s), s = (m - 1) / (m + 1), as high + low.
static double log_in_two_parts(double x, double *low) {
  const uint64_t bits = bits_of(x);
  int64_t e = (int64_t)(bits >> 52) - 1023;
  double m = double_of((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    e++;
  }
  const double f = m - 1.0, s = f / (2.0 + f), z = s * s;
  // 2 atanh(s) = 2s + 2s z (1/3 + z/5 + …); 2s = f - s f. |s| <= 0.1716: 11 terms reach 2^-60.
  double p = 1.0 / 25.0;
  for (int k = 23; k >= 3; k -= 2) p = p * z + 1.0 / (double)k;
  const double n = (double)e, tail = 2.0 * s * z * p;
  const double high = n * 0x1.62e42feep-1;  // exact
  // f is exact; f - s f loses little: its error is below 2^-53 |s f|.
  const double rest = tail - s * f + n * 0x1.a39ef35793c76p-33;
  const double sum = high + f, error = e == 0 ? 0.0 : (high - sum) + f;  // |high| >= |f| unless e is 0
  *low = rest + error;
  return sum;
}

double alora_log_f64(double x) {
  double low;
  const double high = log_in_two_parts(x, &low);
  return high + low;
}

double alora_pow_f64(double x, double y) {
  double low;
  const double high = log_in_two_parts(x, &low);
  // y * high in two parts (Dekker's split of both factors), so that large products keep their last bits.
  const double product = y * high;
  const double cy = 134217729.0 * y, yh = cy - (cy - y), yl = y - yh;
  const double ch = 134217729.0 * high, hh = ch - (ch - high), hl = high - hh;
  const double error = ((yh * hh - product) + yh * hl + yl * hh) + yl * hl;
  return exp_of_sum(product, error + y * low);
}

// sin and cos on |r| <= pi / 4, by Taylor series to degree 19 and 18; r + tail is the argument.
static double sin_near_zero(double r, double tail) {
  const double z = r * r;
  double p = -1.0 / 121645100408832000.0;
  static const double terms[] = {1.0 / 355687428096000.0, -1.0 / 1307674368000.0, 1.0 / 6227020800.0,
                                 -1.0 / 39916800.0,       1.0 / 362880.0,         -1.0 / 5040.0,
                                 1.0 / 120.0,             -1.0 / 6.0};
  for (int i = 0; i < 8; i++) p = p * z + terms[i];
  return r + (r * z * p + tail * (1.0 - 0.5 * z));
}
static double cos_near_zero(double r, double tail) {
  const double z = r * r;
  double p = 1.0 / 6402373705728000.0 * -1.0;
  static const double terms[] = {1.0 / 20922789888000.0, -1.0 / 87178291200.0, 1.0 / 479001600.0, -1.0 / 3628800.0,
                                 1.0 / 40320.0,          -1.0 / 720.0,         1.0 / 24.0};
  for (int i = 0; i < 7; i++) p = p * z + terms[i];
  return 1.0 - (0.5 * z - (z * z * p - r * tail));
}

// x = quadrant * pi / 2 + r + tail. The first two parts of pi / 2 have 33 bits or fewer, so that their products with up
// to 20 bits of quadrant are exact. Valid for |x| <= 1e6.
static int reduced(double x, double *r, double *tail) {
  const double n = nearest(x * 0x1.45f306dc9c883p-1);
  const double a = x - n * 0x1.921fb544p+0;
  const double b = n * 0x1.0b4611a6p-34, c = n * 0x1.3198a2e037073p-69;
  const double difference = a - b, virtual_b = a - difference;
  const double error = (a - (difference + virtual_b)) + (virtual_b - b);  // of a - b, exactly
  *r = difference - c;
  *tail = ((difference - *r) - c) + error;
  return (int)((int64_t)n & 3);
}

double alora_sin_f64(double x) {
  double r, tail;
  switch (reduced(x, &r, &tail)) {
    case 0: return sin_near_zero(r, tail);
    case 1: return cos_near_zero(r, tail);
    case 2: return -sin_near_zero(r, tail);
    default: return -cos_near_zero(r, tail);
  }
}

double alora_cos_f64(double x) {
  double r, tail;
  switch (reduced(x, &r, &tail)) {
    case 0: return cos_near_zero(r, tail);
    case 1: return -sin_near_zero(r, tail);
    case 2: return -cos_near_zero(r, tail);
    default: return sin_near_zero(r, tail);
  }
}

void alora_rope_table(const float *restrict inverse_frequencies, size_t n, size_t first_position, size_t token_count,
                      float scale, float *restrict cosines, float *restrict sines) {
  for (size_t t = 0; t < token_count; t++)
    for (size_t i = 0; i < n; i++) {
      const float angle = (float)(first_position + t) * inverse_frequencies[i];
      cosines[t * n + i] = (float)alora_cos_f64(angle) * scale;
      sines[t * n + i] = (float)alora_sin_f64(angle) * scale;
    }
}
