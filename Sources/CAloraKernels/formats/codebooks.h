// The codebooks of ggml's IQ1, IQ2 and IQ3 types. A word has half a byte for each of its elements: element i is the low half of byte i,
// or from the fifth on the high half of byte i - 4.
#ifndef ALORA_CODEBOOKS_H
#define ALORA_CODEBOOKS_H

#include <stdint.h>

// Eight elements of two bits. IQ1 has its 2048 entries twice, the second time with bit 3 of all halves.
extern const uint32_t alora_iq2_xxs_codebook[256], alora_iq2_xs_codebook[512], alora_iq2_s_codebook[1024], alora_iq1_s_codebook[4096];
// Four elements of three bits.
extern const uint32_t alora_iq3_xxs_codebook[256], alora_iq3_s_codebook[512];
// For eight sign bits, bit 3 of the elements' halves.
extern const uint32_t alora_sign_halves[256];
// The same for seven; the eighth makes their number even.
extern const uint32_t alora_even_sign_halves[128];

#endif
