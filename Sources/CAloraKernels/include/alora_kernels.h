// Kernels of alora: every function gives the same bits on every CPU, with every compiler, for every number of threads.
//
// Exactness, version 1. What each result depends on is written here; nothing else may change a bit of it.
//
// 1. Arithmetic is IEEE 754 binary32, round to nearest even, subnormals kept (the default floating-point environment:
//    no flush-to-zero). `fma` is one rounding. Contraction is off; every fma is spelled out. The scalar path calls
//    `fmaf`, which the C standard defines as correctly rounded; it is the only function of the C library used.
// 2. Matrix product: y[t][o] = s[K], s[0] = +0, s[k + 1] = fma(x[t][k], w[o][k], s[k]), k ascending: one accumulator per
//    output, so the order depends on K alone, and never on the shape of a tile, on T, on panels or threads.
// 3. Widened weights: exactly what the `gguf` package's `dequantize` gives. Products of a block's scale and an integer
//    are exact in f32 for every format here; formats with a minimum round once, in the final addition.
// 4. Lane sum of v[0 ..< n] (norms, softmax): sixteen accumulators, lane l adds v[l], v[l + 16], … in ascending order from
//    +0 (by fma where v is a product); then lanes are folded: s[l] += s[l + 8], then + 4, + 2, + 1.
// 5. Attention: a score is a matrix product over the head dimension; the softmax's lane sum numbers the visible positions
//    from 0; values are accumulated by fma, position ascending, from +0, and divided by the sum at the end. A sink takes
//    part in the maximum, and exp(sink - maximum) is added to the finished lane sum, last.
// 6. exp, tanh, … are this library's own; see below for their definition and error.
// 7. Recurrent mixers run token by token, in the order of the tokens: no sum depends on where a call begins or ends.
//
// NaN: if an input is NaN (or inf - inf occurs), the result is NaN, but its sign and payload are unspecified.
// The caller guarantees: sizes as stated, no overlap of `restrict` pointers, pointers aligned for their type.
// Nothing here allocates, locks or keeps state.
#ifndef ALORA_KERNELS_H
#define ALORA_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "alora_convert.h"
#include "alora_digest.h"
#include "alora_factors.h"

#ifdef __cplusplus
extern "C" {
#endif

// Raised whenever any bit of any result here may differ from what the version before gave.
#define ALORA_EXACTNESS_VERSION 1

// ---------------------------------------------------------------------------------------------- instruction sets

// Which implementation to run. All give the same bits. Only those for which `alora_isa_available` is true may be passed.
typedef enum alora_isa {
  ALORA_ISA_SCALAR = 0,
  ALORA_ISA_AVX2 = 1,    // AVX2, FMA and F16C
  ALORA_ISA_AVX512 = 2,  // AVX-512 F, BW, DQ and VL
  ALORA_ISA_NEON = 3,    // aarch64
} alora_isa;

// The fastest implementation this CPU and operating system can run. Asks the CPU each time: call once and keep the answer.
alora_isa alora_isa_best(void);
int alora_isa_available(alora_isa isa);
const char *alora_isa_name(alora_isa isa);  // "scalar", "avx2", "avx512", "neon"

// ------------------------------------------------------------------------------------------------- weight formats

// Numbered as ggml's `enum ggml_type`.
typedef enum alora_type {
  ALORA_TYPE_F32 = 0,
  ALORA_TYPE_F16 = 1,
  ALORA_TYPE_Q4_0 = 2,
  ALORA_TYPE_Q4_1 = 3,
  ALORA_TYPE_Q5_0 = 6,
  ALORA_TYPE_Q5_1 = 7,
  ALORA_TYPE_Q8_0 = 8,
  ALORA_TYPE_Q2_K = 10,
  ALORA_TYPE_Q3_K = 11,
  ALORA_TYPE_Q4_K = 12,
  ALORA_TYPE_Q5_K = 13,
  ALORA_TYPE_Q6_K = 14,
  ALORA_TYPE_IQ2_XXS = 16,
  ALORA_TYPE_IQ2_XS = 17,
  ALORA_TYPE_IQ3_XXS = 18,
  ALORA_TYPE_IQ1_S = 19,
  ALORA_TYPE_IQ4_NL = 20,
  ALORA_TYPE_IQ3_S = 21,
  ALORA_TYPE_IQ2_S = 22,
  ALORA_TYPE_IQ4_XS = 23,
  ALORA_TYPE_IQ1_M = 29,
  ALORA_TYPE_BF16 = 30,
  ALORA_TYPE_TQ1_0 = 34,
  ALORA_TYPE_TQ2_0 = 35,
  ALORA_TYPE_MXFP4 = 39,
  ALORA_TYPE_NVFP4 = 40,
} alora_type;

int alora_type_supported(alora_type type);
size_t alora_type_block_columns(alora_type type);     // elements in one block: 1, 32, 64 or 256; 0 if not supported
size_t alora_type_block_byte_count(alora_type type);  // bytes of one block as ggml stores it

// Widens `count` elements (whole blocks) from ggml's layout, as it lies in a GGUF file; any alignment. Always scalar.
void alora_dequantize(alora_type type, const void *restrict source, float *restrict destination, size_t count);

// ------------------------------------------------------------------------------------------------ packed weights

// A weight matrix [rows, columns] is packed in panels of 32 rows. Packing changes no weight: a panel holds ggml's blocks of
// its 32 rows, column block after column block, with their fields interleaved by row (4-byte words, then 2-byte and 1-byte
// fields), so that one vector load fetches the same field of 16 rows. In some types a word's bits change places
// (formats/pack_numbers.c). For IQ1 to IQ3, TQ1_0, TQ2_0 and NVFP4 the fields are others than in the file and take up to 8 %
// more memory (formats/pack_coded.c). Rows missing in the last panel are zero bytes. `columns` must be a multiple of the
// type's block columns.
#define ALORA_PANEL_ROWS 32

size_t alora_panel_count(size_t rows);  // ceil(rows / 32)
size_t alora_panel_byte_count(alora_type type, size_t columns);
size_t alora_packed_byte_count(alora_type type, size_t rows, size_t columns);

// Packs panels first_panel ..< first_panel + panel_count of a matrix; panels are independent, so threads may share the
// work and a matrix may be packed when first used.
//   source: [rows][row bytes], ggml's layout, the whole matrix, any alignment
//   packed: the whole packed matrix, at least 64-byte aligned; only the named panels are written
void alora_pack(alora_type type, const void *restrict source, size_t rows, size_t columns, size_t first_panel,
                size_t panel_count, void *restrict packed);

// ------------------------------------------------------------------------------------------------ matrix products

// Activations are packed once for all products that read them: tokens in tiles, each tile [columns][its tokens]. For one
// token that is the row itself, so `x` may be passed as it is when T is 1.
//   x: [T][x_stride], columns used in each row          packed: T * columns floats, in an order of its own
// Packs tiles first_tile ..< first_tile + tile_count out of alora_tile_count(T).
size_t alora_tile_count(size_t token_count);
size_t alora_tile_first_token(size_t tile, size_t token_count);  // of tile 0 ... alora_tile_count, the last for the end
void alora_pack_activations(const float *restrict x, size_t x_stride, size_t token_count, size_t columns,
                            size_t first_tile, size_t tile_count, float *restrict packed);

// y[t][o] = sum over k of x[t][k] * w[o][k], in the order of note 2, for the rows of the named panels and the tokens of
// tiles first_tile ..< first_tile + tile_count.
//   weights: packed [rows, columns], 64-byte aligned     x: packed activations [T, columns]
//   y: [T][y_stride]; column o of y is row o of the matrix: only columns of the named panels below `rows` are written
// Threads split a product by panels and tiles. Uses about 70 KB of stack.
void alora_matmul(alora_isa isa, alora_type type, const void *restrict weights, size_t rows, size_t columns,
                  size_t first_panel, size_t panel_count, const float *restrict x, size_t token_count,
                  size_t first_tile, size_t tile_count, float *restrict y, size_t y_stride);

// ------------------------------------------------------------------------------------------ element-wise functions

// Each element's result depends on that element alone. `y` may be the same pointer as an input, but not overlap otherwise.
void alora_add(alora_isa isa, const float *a, const float *b, float *y, size_t count);    // a + b
void alora_multiply(alora_isa isa, const float *a, const float *b, float *y, size_t count);  // a * b
void alora_scale_by(alora_isa isa, float scale, const float *x, float *y, size_t count);     // scale * x
void alora_add_scaled(alora_isa isa, float scale, const float *x, float *y, size_t count);  // y = fma(scale, x, y)
void alora_soft_cap(alora_isa isa, float cap, const float *x, float *y, size_t count);    // cap * tanh(x / cap)

// exp: |error| <= 1 ulp over the whole range incl. subnormal results; overflow to inf, underflow to 0.
// tanh: <= 2 ulp.
void alora_exp(alora_isa isa, const float *x, float *y, size_t count);
void alora_tanh(alora_isa isa, const float *x, float *y, size_t count);

// Gates of feed-forward layers: y = act(gate) * up.
//   SiLU:  act(g) = g / (1 + exp(-g))
//   GELU:  act(g) = g / (1 + exp(-2u)), u = sqrt(2 / pi) * (g + 0.044715 g^3): the tanh form, without its cancellation
//   clamped swish: y = g / (1 + exp(-(slope * g))) * (u + 1), g = min(gate, limit), u = max(-limit, min(up, limit))
void alora_silu_multiply(alora_isa isa, const float *gate, const float *up, float *y, size_t count);
void alora_gelu_tanh_multiply(alora_isa isa, const float *gate, const float *up, float *y, size_t count);
void alora_clamped_swish_multiply(alora_isa isa, float slope, float limit, const float *gate, const float *up, float *y,
                                  size_t count);
void alora_sigmoid(alora_isa isa, const float *x, float *y, size_t count);  // 1 / (1 + exp(-x))
void alora_relu_squared(alora_isa isa, const float *x, float *y, size_t count);  // r * r, r = max(x, 0)

// ------------------------------------------------------------------------------------------------------ reductions

// y[t][i] = (x[t][i] * r) * weight[i], r = 1 / sqrt(s / n + epsilon), s = lane sum of x * x (note 4).
//   x: [T][x_stride]   weight: [n], or NULL for y = x * r   y: [T][y_stride]; y may be x
void alora_rms_norm(alora_isa isa, const float *x, size_t x_stride, const float *restrict weight, float epsilon,
                    float *y, size_t y_stride, size_t token_count, size_t n);

// y[t][i] = ((x[t][i] - m) * r) * weight[i], m = (lane sum of x) / n, r = 1 / sqrt(s / n + epsilon), s = lane sum of
// (x - m) * (x - m) (note 4), each difference rounded once.
//   x: [T][x_stride]   weight: [n], or NULL for y = (x - m) * r   y: [T][y_stride]; y may be x
void alora_layer_norm(alora_isa isa, const float *x, size_t x_stride, const float *restrict weight, float epsilon,
                      float *y, size_t y_stride, size_t token_count, size_t n);

// y[t][i] = (x[t][i] * r) * scale, r = 1 / sqrt(s + epsilon), s = lane sum of x * x (note 4).
//   x: [T][x_stride]   y: [T][y_stride]; y may be x
void alora_l2_norm(alora_isa isa, const float *x, size_t x_stride, float epsilon, float scale, float *y, size_t y_stride,
                   size_t token_count, size_t n);

// y[t][i] = max((x[t][i] - m) - d * multiplier, 0), d = sqrt(s / n), m and s as in alora_layer_norm: what lies above the mean
// by more than some standard deviations. Each difference and the product are rounded.
//   x: [T][x_stride]   y: [T][y_stride]; y may be x
void alora_cut_off(alora_isa isa, const float *x, size_t x_stride, float multiplier, float *y, size_t y_stride,
                   size_t token_count, size_t n);

// y[t][i] = (x[t][i] * a) / b, a = sqrt(s / n) of `target`, b = sqrt(max(s / n, least)) of x, s = lane sum of squares
// (note 4): a row of the target's magnitude.
//   x: [T][x_stride]   target: [T][target_stride]   y: [T][y_stride]; y may be x
void alora_match_magnitude(alora_isa isa, const float *x, size_t x_stride, const float *target, size_t target_stride,
                           float least, float *y, size_t y_stride, size_t token_count, size_t n);

// y[i] = e[i] / s, e[i] = exp(x[i] - max x), s = lane sum of e. y may be x. n >= 1.
void alora_softmax(alora_isa isa, const float *x, float *y, size_t n);

// ----------------------------------------------------------------------------------------- rotary position embedding

// Tables: angle = (float)(first_position + t) * inverse_frequencies[i], rounded to f32 as transformers does; then
// cosines[t][i] = scale * cos(angle) and sines[t][i] likewise, each within 0.51 ulp of the real value before scaling, for
// |angle| <= 1e6.   inverse_frequencies: [n]   cosines, sines: [T][n], n = rotary dimension / 2
void alora_rope_table(const float *restrict inverse_frequencies, size_t n, size_t first_position, size_t token_count,
                      float scale, float *restrict cosines, float *restrict sines);

typedef enum alora_rope_layout {
  ALORA_ROPE_HALVES = 0,       // pairs (i, i + n): NeoX, Hugging Face
  ALORA_ROPE_INTERLEAVED = 1,  // pairs (2i, 2i + 1): original Llama, GPT-J
} alora_rope_layout;

// Rotates the first 2n elements of each head in place: a' = fma(a, cos, -(b * sin)), b' = fma(b, cos, a * sin).
//   x: [T][x_stride], head h of token t at x[t][h * head_dim]   cosines, sines: [T][n]
void alora_rope(alora_isa isa, alora_rope_layout layout, float *restrict x, size_t x_stride, size_t token_count,
                size_t head_count, size_t head_dim, const float *restrict cosines, const float *restrict sines, size_t n);

// ------------------------------------------------------------------------------------------------ recurrent mixers

// Causal convolution of each channel over `kernel` rows, and SiLU if `applies_silu`:
//   s = bias[c], s = fma(weights[k][c], row[t - kernel + 1 + k][c], s), k ascending; y[t][c] = s or s / (1 + exp(-s))
//   x: [T][x_stride]   history: [kernel - 1][channels], the rows before x[0], the oldest first   weights: [kernel][channels]
//   bias: [channels], or NULL for +0   y: [T][y_stride], must not overlap x
// Computes rows first_token ..< first_token + token_count; rows are independent.
#define ALORA_KERNEL_LIMIT 32
void alora_convolve(alora_isa isa, const float *restrict x, size_t x_stride, const float *restrict history,
                    const float *restrict weights, const float *restrict bias, size_t kernel, size_t channels,
                    int applies_silu, size_t first_token, size_t token_count, float *restrict y, size_t y_stride);

// steps[t][h] = softplus(x[t][h] + bias[h]), within least ... most; exponents[t][h] = steps[t][h] * a[h], rounded.
// softplus(x) is x above 20, else ln(1 + e^x), within 0.51 ulp. Always scalar.
//   x: [T][x_stride]   bias, a: [heads]   steps, exponents: [T][heads]
void alora_time_steps(const float *restrict x, size_t x_stride, const float *restrict bias, const float *restrict a,
                      float least, float most, size_t token_count, size_t head_count, float *restrict steps,
                      float *restrict exponents);

// One head of Mamba 2's scan, token after token, for each channel p of the head, with a state h[n] per channel:
//   h[n] = fma(decay[t], h[n], (step[t] * x[t][p]) * b[t][n]), both products rounded
//   y[t][p] = fma(skip, x[t][p], s), s = +0, s = fma(h[n], c[t][n], s), n ascending
typedef struct alora_scan {
  size_t head_dim, state_size, token_count;
  const float *x;                // [T][x_stride], head_dim used
  size_t x_stride;
  const float *b, *c;            // [T][bc_stride], state_size used
  size_t bc_stride;
  const float *steps, *decays;   // [T][step_stride], one used
  size_t step_stride;
  float skip;
  float *y;                      // [T][y_stride], head_dim written; must not overlap an input
  size_t y_stride;
} alora_scan;

// A head's state is [state_size][row], a row being head_dim floats and zeros up to a multiple of 16.
size_t alora_scan_row_float_count(size_t head_dim);

// Reads `state_in` before the first token and leaves the state after the last in `state_out`; they may be the same.
// Heads are independent: threads may split them freely. token_count >= 1.
void alora_scan_head(alora_isa isa, const alora_scan *scan, const float *state_in, float *state_out);

// One head of a gated delta net, token after token, for each channel p of its values, with a state h[n] per channel:
//   h[n] = decay[t] * h[n], m = +0, m = fma(h[n], k[t][n], m), n ascending; u = (v[t][p] - m) * beta[t], each rounded
//   h[n] = fma(k[t][n], u, h[n]); y[t][p] = s, s = +0, s = fma(h[n], q[t][n], s), n ascending
typedef struct alora_delta {
  size_t head_dim, key_dim, token_count;  // head_dim: of the values
  const float *q, *k;             // [T][qk_stride], key_dim used
  size_t qk_stride;
  const float *v;                 // [T][v_stride], head_dim used
  size_t v_stride;
  const float *betas, *decays;    // [T][gate_stride], one used
  size_t gate_stride;
  float *y;                       // [T][y_stride], head_dim written; must not overlap an input
  size_t y_stride;
} alora_delta;

// As `alora_scan_head`, with a state of [key_dim][row].
void alora_delta_head(alora_isa isa, const alora_delta *delta, const float *state_in, float *state_out);

// ------------------------------------------------------------------------------------------------------- attention

// The cache of one key-value head is a list of blocks of 32 positions: position p lies in block p / 32, slot p % 32.
// Blocks are separate allocations (64-byte aligned), so that they can be shared, kept and dropped one by one.
//   keys:   [head_dim][32]: column `slot` is one key
//   values: [ceil(head_dim / 32)][32 slots][32]: row `slot` of each panel is 32 elements of one value, zero-padded
// A new block must be filled with zeros.
#define ALORA_KV_BLOCK_POSITIONS 32

size_t alora_key_block_float_count(size_t head_dim);
size_t alora_value_block_float_count(size_t head_dim);

// Copies keys or values of one head into the cache.   x: [T][x_stride], head_dim floats used in each row
//   blocks: pointers to this head's blocks, indexed by position / 32
void alora_store_keys(const float *restrict x, size_t x_stride, size_t token_count, size_t head_dim,
                      size_t first_position, float *const *blocks);
void alora_store_values(const float *restrict x, size_t x_stride, size_t token_count, size_t head_dim,
                        size_t first_position, float *const *blocks);

typedef struct alora_attention {
  size_t head_dim;
  size_t group;     // query heads that share this key-value head, >= 1
  size_t window;    // a token sees itself and window - 1 positions before it; 0: all
  float scale;      // score = (q . k) * scale, then
  float soft_cap;   // cap * tanh(score / cap); 0: none
  const float *sinks;  // [group]: one sink per query head, a score without a key or value; NULL: none
  size_t chunk;     // a token sees no position before its own chunk of that many positions; 0: all
} alora_attention;

// Causal attention of T tokens at positions first_position + t, for the `group` query heads of one key-value head.
//   q: [T][q_stride], query head g of token t at q[t][g * head_dim]     y: [T][y_stride], likewise; must not overlap q
//   key_blocks, value_blocks: this head's blocks, indexed by position / 32; blocks before the window may be NULL
//   scratch: alora_attention_scratch_byte_count(...) bytes, 64-byte aligned
// Tokens are independent: threads may split them (and heads) freely.
size_t alora_attention_scratch_byte_count(const alora_attention *shape, size_t first_position, size_t token_count);
void alora_attend(alora_isa isa, const alora_attention *shape, const float *restrict q, size_t q_stride,
                  size_t first_position, size_t token_count, const float *const *key_blocks,
                  const float *const *value_blocks, float *restrict y, size_t y_stride, void *restrict scratch);

// --------------------------------------------------------------------------------------- scalar functions, binary64

// Own, without the C library: the same bits everywhere. Errors below 1e-15 relative (pow: 1e-14); sin and cos for
// |x| <= 1e6, absolute error below 1e-15. pow for x > 0; log for x > 0 finite normal. Used for tables, never per element.
double alora_exp_f64(double x);
double alora_log_f64(double x);
double alora_pow_f64(double x, double y);
double alora_sin_f64(double x);
double alora_cos_f64(double x);

// ---------------------------------------------------------------------------------------------------- measurements

// Does `iterations` rounds of independent fmas in registers and returns the number of floating-point operations done
// (an fma is two). The caller takes the time. `sink`, 16 finite floats, keeps the work from being optimised away.
double alora_measure_fma(alora_isa isa, size_t iterations, float *restrict sink);
// Reads `byte_count` bytes (a multiple of 4096) once, with the widest loads, and returns a checksum.
uint32_t alora_measure_read(alora_isa isa, const void *restrict data, size_t byte_count);

#ifdef __cplusplus
}
#endif

#endif
