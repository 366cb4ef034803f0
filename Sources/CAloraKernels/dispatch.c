// Chooses the implementation. The public entries are one line each: look up, call.
#include "shared/attention.h"
#include "shared/table.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

// KERNEL_TABLE(avx2) declares the functions of an instruction set and makes its table of them.
#define KERNEL_TABLE(isa)                                                                                              \
  extern alora_matmul_function alora_matmul_##isa;                                                                     \
  extern alora_attend_function alora_attend_##isa;                                                                     \
  void alora_add_##isa(const float *a, const float *b, float *y, size_t count);                                        \
  void alora_multiply_##isa(const float *a, const float *b, float *y, size_t count);                                   \
  void alora_scale_by_##isa(float scale, const float *x, float *y, size_t count);                                         \
  void alora_add_scaled_##isa(float scale, const float *x, float *y, size_t count);                                    \
  void alora_soft_cap_##isa(float cap, const float *x, float *y, size_t count);                                        \
  void alora_exp_##isa(const float *x, float *y, size_t count);                                                        \
  void alora_tanh_##isa(const float *x, float *y, size_t count);                                                       \
  void alora_silu_multiply_##isa(const float *gate, const float *up, float *y, size_t count);                          \
  void alora_gelu_tanh_multiply_##isa(const float *gate, const float *up, float *y, size_t count);                     \
  void alora_clamped_swish_multiply_##isa(float slope, float limit, const float *gate, const float *up, float *y,      \
                                          size_t count);                                                               \
  void alora_sigmoid_##isa(const float *x, float *y, size_t count);                                                    \
  void alora_relu_squared_##isa(const float *x, float *y, size_t count);                                               \
  void alora_l2_norm_##isa(const float *x, size_t x_stride, float epsilon, float scale, float *y, size_t y_stride,     \
                           size_t token_count, size_t n);                                                              \
  void alora_rms_norm_##isa(const float *x, size_t x_stride, const float *restrict weight, float epsilon, float *y,    \
                            size_t y_stride, size_t token_count, size_t n);                                            \
  void alora_layer_norm_##isa(const float *x, size_t x_stride, const float *restrict weight, float epsilon, float *y,  \
                              size_t y_stride, size_t token_count, size_t n);                                          \
  void alora_cut_off_##isa(const float *x, size_t x_stride, float multiplier, float *y, size_t y_stride,               \
                           size_t token_count, size_t n);                                                              \
  void alora_match_magnitude_##isa(const float *x, size_t x_stride, const float *target, size_t target_stride,         \
                                   float least, float *y, size_t y_stride, size_t token_count, size_t n);              \
  void alora_softmax_##isa(const float *x, float *y, size_t n);                                                        \
  void alora_rope_##isa(alora_rope_layout layout, float *restrict x, size_t x_stride, size_t token_count,              \
                        size_t head_count, size_t head_dim, const float *restrict cosines,                             \
                        const float *restrict sines, size_t n);                                                        \
  void alora_convolve_##isa(const float *restrict x, size_t x_stride, const float *restrict history,                   \
                            const float *restrict weights, const float *restrict bias, size_t kernel, size_t channels, \
                            int applies_silu, size_t first_token, size_t token_count, float *restrict y,               \
                            size_t y_stride);                                                                          \
  void alora_scan_head_##isa(const alora_scan *scan, const float *state_in, float *state_out);                         \
  void alora_delta_head_##isa(const alora_delta *delta, const float *state_in, float *state_out);                      \
  double alora_measure_fma_##isa(size_t iterations, float *restrict sink);                                             \
  uint32_t alora_measure_read_##isa(const void *restrict data, size_t byte_count);                                     \
  static const alora_table table_##isa = {                                                                             \
      alora_matmul_##isa, alora_attend_##isa, alora_add_##isa, alora_multiply_##isa, alora_scale_by_##isa,             \
      alora_add_scaled_##isa, alora_soft_cap_##isa,    alora_exp_##isa,         alora_tanh_##isa,                      \
      alora_silu_multiply_##isa, alora_gelu_tanh_multiply_##isa, alora_clamped_swish_multiply_##isa,                   \
      alora_sigmoid_##isa, alora_relu_squared_##isa, alora_l2_norm_##isa, alora_rms_norm_##isa,                        \
      alora_layer_norm_##isa, alora_cut_off_##isa, alora_match_magnitude_##isa, alora_softmax_##isa,                   \
      alora_rope_##isa, alora_convolve_##isa, alora_scan_head_##isa, alora_delta_head_##isa,                           \
      alora_measure_fma_##isa, alora_measure_read_##isa}

KERNEL_TABLE(scalar);
#if defined(__x86_64__)
KERNEL_TABLE(avx2);
KERNEL_TABLE(avx512);
#elif defined(__aarch64__)
KERNEL_TABLE(neon);
#endif

static inline const alora_table *table_of(alora_isa isa) {
  switch (isa) {
#if defined(__x86_64__)
    case ALORA_ISA_AVX2: return &table_avx2;
    case ALORA_ISA_AVX512: return &table_avx512;
#elif defined(__aarch64__)
    case ALORA_ISA_NEON: return &table_neon;
#endif
    default: return &table_scalar;
  }
}

#if defined(__x86_64__)
// Conversions of f16. clang before 15 does not know the name.
static int has_f16c(void) {
  unsigned a, b, c = 0, d;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

int alora_isa_available(alora_isa isa) {
  switch (isa) {
    case ALORA_ISA_SCALAR: return 1;
#if defined(__x86_64__)
    case ALORA_ISA_AVX2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    case ALORA_ISA_AVX512:
      return alora_isa_available(ALORA_ISA_AVX2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#elif defined(__aarch64__)
    case ALORA_ISA_NEON: return 1;
#endif
    default: return 0;
  }
}

alora_isa alora_isa_best(void) {
  if (alora_isa_available(ALORA_ISA_NEON)) return ALORA_ISA_NEON;
  if (alora_isa_available(ALORA_ISA_AVX512)) return ALORA_ISA_AVX512;
  return alora_isa_available(ALORA_ISA_AVX2) ? ALORA_ISA_AVX2 : ALORA_ISA_SCALAR;
}

const char *alora_isa_name(alora_isa isa) {
  switch (isa) {
    case ALORA_ISA_AVX2: return "avx2";
    case ALORA_ISA_AVX512: return "avx512";
    case ALORA_ISA_NEON: return "neon";
    default: return "scalar";
  }
}

void alora_matmul(alora_isa isa, alora_type type, const void *restrict weights, size_t rows, size_t columns,
                  size_t first_panel, size_t panel_count, const float *restrict x, size_t token_count,
                  size_t first_tile, size_t tile_count, float *restrict y, size_t y_stride) {
  table_of(isa)->matmul(type, weights, rows, columns, first_panel, panel_count, x, token_count, first_tile, tile_count, y,
                         y_stride);
}
void alora_add(alora_isa isa, const float *a, const float *b, float *y, size_t count) { table_of(isa)->add(a, b, y, count); }
void alora_multiply(alora_isa isa, const float *a, const float *b, float *y, size_t count) {
  table_of(isa)->multiply(a, b, y, count);
}
void alora_scale_by(alora_isa isa, float scale, const float *x, float *y, size_t count) {
  table_of(isa)->scale(scale, x, y, count);
}
void alora_add_scaled(alora_isa isa, float scale, const float *x, float *y, size_t count) {
  table_of(isa)->add_scaled(scale, x, y, count);
}
void alora_soft_cap(alora_isa isa, float cap, const float *x, float *y, size_t count) {
  table_of(isa)->soft_cap(cap, x, y, count);
}
void alora_exp(alora_isa isa, const float *x, float *y, size_t count) { table_of(isa)->exp(x, y, count); }
void alora_tanh(alora_isa isa, const float *x, float *y, size_t count) { table_of(isa)->tanh(x, y, count); }
void alora_silu_multiply(alora_isa isa, const float *gate, const float *up, float *y, size_t count) {
  table_of(isa)->silu_multiply(gate, up, y, count);
}
void alora_gelu_tanh_multiply(alora_isa isa, const float *gate, const float *up, float *y, size_t count) {
  table_of(isa)->gelu_tanh_multiply(gate, up, y, count);
}
void alora_clamped_swish_multiply(alora_isa isa, float slope, float limit, const float *gate, const float *up, float *y,
                                  size_t count) {
  table_of(isa)->clamped_swish_multiply(slope, limit, gate, up, y, count);
}
void alora_sigmoid(alora_isa isa, const float *x, float *y, size_t count) { table_of(isa)->sigmoid(x, y, count); }
void alora_relu_squared(alora_isa isa, const float *x, float *y, size_t count) { table_of(isa)->relu_squared(x, y, count); }
void alora_l2_norm(alora_isa isa, const float *x, size_t x_stride, float epsilon, float scale, float *y, size_t y_stride,
                   size_t token_count, size_t n) {
  table_of(isa)->l2_norm(x, x_stride, epsilon, scale, y, y_stride, token_count, n);
}
void alora_rms_norm(alora_isa isa, const float *x, size_t x_stride, const float *restrict weight, float epsilon,
                    float *y, size_t y_stride, size_t token_count, size_t n) {
  table_of(isa)->rms_norm(x, x_stride, weight, epsilon, y, y_stride, token_count, n);
}
void alora_layer_norm(alora_isa isa, const float *x, size_t x_stride, const float *restrict weight, float epsilon,
                      float *y, size_t y_stride, size_t token_count, size_t n) {
  table_of(isa)->layer_norm(x, x_stride, weight, epsilon, y, y_stride, token_count, n);
}
void alora_cut_off(alora_isa isa, const float *x, size_t x_stride, float multiplier, float *y, size_t y_stride,
                   size_t token_count, size_t n) {
  table_of(isa)->cut_off(x, x_stride, multiplier, y, y_stride, token_count, n);
}
void alora_match_magnitude(alora_isa isa, const float *x, size_t x_stride, const float *target, size_t target_stride,
                           float least, float *y, size_t y_stride, size_t token_count, size_t n) {
  table_of(isa)->match_magnitude(x, x_stride, target, target_stride, least, y, y_stride, token_count, n);
}
void alora_softmax(alora_isa isa, const float *x, float *y, size_t n) { table_of(isa)->softmax(x, y, n); }
void alora_rope(alora_isa isa, alora_rope_layout layout, float *restrict x, size_t x_stride, size_t token_count,
                size_t head_count, size_t head_dim, const float *restrict cosines, const float *restrict sines, size_t n) {
  table_of(isa)->rope(layout, x, x_stride, token_count, head_count, head_dim, cosines, sines, n);
}
size_t alora_attention_scratch_byte_count(const alora_attention *shape, size_t first_position, size_t token_count) {
  return 4 * alora_attention_layout_of(shape, first_position, token_count).count;
}
void alora_attend(alora_isa isa, const alora_attention *shape, const float *restrict q, size_t q_stride,
                  size_t first_position, size_t token_count, const float *const *key_blocks,
                  const float *const *value_blocks, float *restrict y, size_t y_stride, void *restrict scratch) {
  table_of(isa)->attend(shape, q, q_stride, first_position, token_count, key_blocks, value_blocks, y, y_stride, scratch);
}
void alora_convolve(alora_isa isa, const float *restrict x, size_t x_stride, const float *restrict history,
                    const float *restrict weights, const float *restrict bias, size_t kernel, size_t channels,
                    int applies_silu, size_t first_token, size_t token_count, float *restrict y, size_t y_stride) {
  table_of(isa)->convolve(x, x_stride, history, weights, bias, kernel, channels, applies_silu, first_token, token_count, y,
                          y_stride);
}
void alora_scan_head(alora_isa isa, const alora_scan *scan, const float *state_in, float *state_out) {
  table_of(isa)->scan_head(scan, state_in, state_out);
}
void alora_delta_head(alora_isa isa, const alora_delta *delta, const float *state_in, float *state_out) {
  table_of(isa)->delta_head(delta, state_in, state_out);
}
double alora_measure_fma(alora_isa isa, size_t iterations, float *restrict sink) {
  return table_of(isa)->measure_fma(iterations, sink);
}
uint32_t alora_measure_read(alora_isa isa, const void *restrict data, size_t byte_count) {
  return table_of(isa)->measure_read(data, byte_count);
}
