// ggml's IQ1, IQ2 and IQ3 types, whose elements stand in codebooks, TQ1_0 and TQ2_0, whose elements are digits, and NVFP4. A packed
// panel keeps their blocks as they are, block column after block column, row by row. Products turn 32 columns at a time into one form:
// half a byte for each element, which names one of sixteen signed bytes, and a scale for sixteen columns.
#ifndef ALORA_CODED_H
#define ALORA_CODED_H

#include "../include/alora_kernels.h"

// Element c of row r is values[n] * unit * multipliers[c / 16][r] * d. Here n is the low half of byte c % 4 of words[c / 8][r], or the
// high half if c % 8 > 3, and d is halves[r], an f16. Exact in any order, as all scales together have at most 16 significant bits.
typedef struct alora_coded {
  _Alignas(64) uint32_t words[4][32];
  float multipliers[2][32];
  uint16_t halves[32];
} alora_coded;

// What the halves of bytes stand for in a type.
typedef struct alora_code {
  _Alignas(16) int8_t values[16];
  float unit;
} alora_code;

// Null for types that aren't coded.
const alora_code *alora_code_of(alora_type type);

//   panel: a packed panel     column: the first of the 32, a multiple of 32
void alora_decode_columns(alora_type type, const uint8_t *restrict panel, size_t column, alora_coded *restrict to);

#endif
