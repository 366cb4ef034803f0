// Layout of each weight format: how ggml stores a block, and where a packed panel keeps the same bits.
#ifndef ALORA_FORMATS_H
#define ALORA_FORMATS_H

#include "../include/alora_kernels.h"

// A block of `columns` elements takes `bytes` bytes. It consists of one run of 4-byte words, one run of 2-byte halves and
// `single_bytes` bytes at offset 0. A panel's block holds, for its 32 rows: word 0 of each row, word 1 of each row, …;
// then the halves likewise; then the bytes. Its size is 32 * bytes. In some types, the
// words' bits then change places: pack_numbers.c.
typedef struct alora_format {
  size_t columns, bytes;
  size_t words_offset, words;
  size_t halves_offset, halves;
  size_t single_bytes;
  size_t packed_bytes;  // of a row's block in a panel whose fields pack_coded.c makes; 0 for a type whose fields are ggml's
} alora_format;

// The format of a type; columns is 0 if it is not supported.
alora_format alora_format_of(alora_type type);

// Gives the words of a panel's blocks the order of bits that its type has when packed.
void alora_pack_numbers(alora_type type, uint8_t *panel, size_t blocks);

#endif
