// Exact widening to f32 and correctly rounded narrowing from it, element by element and block by block.
// No function here allocates; source and destination must not overlap.
#ifndef ALORA_CONVERT_H
#define ALORA_CONVERT_H

#include <stddef.h>
#include <stdint.h>

// Widening is exact: every f16 and bf16 is an f32. NaN payloads are kept in their upper bits.
void alora_widen_f16(const uint16_t *restrict source, float *restrict destination, size_t count);
void alora_widen_bf16(const uint16_t *restrict source, float *restrict destination, size_t count);

// Narrowing rounds to nearest, ties to even. f16 overflows to infinity and keeps subnormals; NaN stays NaN (quiet).
// Edge cases as NumPy's astype(float16) and ggml_fp32_to_bf16.
void alora_narrow_f16(const float *restrict source, uint16_t *restrict destination, size_t count);
void alora_narrow_bf16(const float *restrict source, uint16_t *restrict destination, size_t count);

// f32 -> q8_0: blocks of 32 elements in 34 bytes: f16 scale d = max|x| / 127, then 32 int8 = round(x * (1 / d)), ties
// away from zero, as ggml's quantize_row_q8_0_ref. `block_count` blocks; destination holds 34 * block_count bytes.
void alora_narrow_q8_0(const float *restrict source, uint8_t *restrict destination, size_t block_count);

// One block of MXFP4 as safetensors have it, to the block that ggml stores: the exponent first, then the nibbles of elements
// 0 ... 15 low and of 16 ... 31 high, where `nibbles` has the even elements low and the odd ones high.
//   nibbles: 16 bytes     destination: 17 bytes
void alora_mxfp4_block(uint8_t exponent, const uint8_t *restrict nibbles, uint8_t *restrict destination);

// Blocks of ggml's IQ1, IQ2 and IQ3 types, TQ1_0, TQ2_0 and NVFP4, numbered as in `enum ggml_type`. Widening is exact, and gives what
// the `gguf` package's `dequantize` gives. Always scalar.
int alora_widens_block(unsigned type);
//   block: one block in ggml's layout, any alignment     y: its 64 or 256 elements
void alora_widen_block(unsigned type, const uint8_t *restrict block, float *restrict y);

// Finite f32 to the block types that ggml quantizes without importance matrix: Q4_0, Q4_1, Q5_0, Q5_1, Q2_K to Q6_K, IQ4_NL, IQ4_XS, MXFP4,
// TQ1_0 and TQ2_0, numbered as in `enum ggml_type`. The bytes are those of `ggml_quantize_chunk`, compiled without contraction. Always scalar.
int alora_narrows_blocks(unsigned type);
//   x: the elements of `count` blocks     blocks: in ggml's layout
// Returns 0 if a scale is too large for an f16.
int alora_narrow_blocks(unsigned type, const float *restrict x, uint8_t *restrict blocks, size_t count);

#endif
