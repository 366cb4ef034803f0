// What recurrent mixers need besides the kernels of each instruction set: numbers of one token and head, in binary64.
#include "shared/exact.h"

#include "include/alora_kernels.h"

size_t alora_scan_row_float_count(size_t head_dim) { return (head_dim + 15) / 16 * 16; }

// ln (1 + e^x), rounded once. For small e^x its series: 1 + e^x would lose what is small.
static float softplus(float x) {
  if (!(x <= 20.0f)) return x;  // a NaN stays
  if (x < -104.0f) return 0.0f;
  const double e = alora_exp_f64((double)x);
  if (e >= 0x1p-12) return (float)alora_log_f64(1.0 + e);
  return (float)(e * (1.0 + e * (-0.5 + e * (1.0 / 3.0 - 0.25 * e))));
}

void alora_time_steps(const float *restrict x, size_t x_stride, const float *restrict bias, const float *restrict a,
                      float least, float most, size_t token_count, size_t head_count, float *restrict steps,
                      float *restrict exponents) {
  for (size_t t = 0; t < token_count; t++, x += x_stride, steps += head_count, exponents += head_count)
    for (size_t h = 0; h < head_count; h++) {
      const float step = softplus(x[h] + bias[h]);
      steps[h] = step < least ? least : step > most ? most : step;
      exponents[h] = steps[h] * a[h];
    }
}
