// Packing of ggml's codebook types (IQ1, IQ2, IQ3), its ternary types and NVFP4. What takes a processor many steps, and is the same
// for every product, is done here: signs and scales come to where vectors want them, and indices to a byte each.
#include "pack_coded.h"

#include <string.h>

#include "codebooks.h"
#include "formats.h"

static inline uint16_t half_at(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t word_at(const uint8_t *p) { return half_at(p) | (uint32_t)half_at(p + 2) << 16; }

// One row's fields in a panel's block: field i of a size is 32 * i elements after the first.
typedef struct fields {
  uint8_t *words, *halves, *bytes;
} fields;
static inline void put_word(const fields to, size_t i, uint32_t word) { memcpy(to.words + 128 * i, &word, 4); }
static inline void put_half(const fields to, size_t i, uint16_t half) { memcpy(to.halves + 64 * i, &half, 2); }
static inline void put_bytes(const fields to, const uint8_t *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) to.bytes[32 * i] = bytes[i];
}

// Signs of 32 columns. Those of columns 8 * k ..< 8 * k + 8 are bits 3 - k of the half bytes that have their place in a word of a
// codebook, so that a shift by k brings them to bit 3.
static inline uint32_t signs_of(const uint8_t *b) {
  return alora_sign_halves[b[0]] | alora_sign_halves[b[1]] >> 1 | alora_sign_halves[b[2]] >> 2 | alora_sign_halves[b[3]] >> 3;
}
// The same of four times seven bits.
static inline uint32_t even_signs_of(uint32_t bits) {
  return alora_even_sign_halves[bits & 127] | alora_even_sign_halves[bits >> 7 & 127] >> 1 |
         alora_even_sign_halves[bits >> 14 & 127] >> 2 | alora_even_sign_halves[bits >> 21 & 127] >> 3;
}

// The words of signs of 256 columns.
static inline void put_signs(const fields to, const uint8_t *b) {
  for (size_t j = 0; j < 8; j++) put_word(to, j, signs_of(b + 4 * j));
}

// Source of the layouts: block structures in ggml-common.h. `j` names 32 columns.

// Words: eight of signs, scales. Half: d. Bytes: indices.
static inline void iq2_xxs(const uint8_t *b, const fields to) {
  uint32_t scales = 0;
  put_half(to, 0, half_at(b));
  for (size_t j = 0; j < 8; j++) {
    const uint32_t high = word_at(b + 2 + 8 * j + 4);
    put_word(to, j, even_signs_of(high));
    scales |= high >> 28 << 4 * j;
    for (size_t k = 0; k < 4; k++) to.bytes[32 * (4 * j + k)] = b[2 + 8 * j + k];
  }
  put_word(to, 8, scales);
}

// Words: eight of signs, ninth bits of the indices, two of scales. Half: d. Bytes: indices.
static inline void iq2_xs(const uint8_t *b, const fields to) {
  uint32_t ninth = 0;
  put_half(to, 0, half_at(b));
  for (size_t j = 0; j < 8; j++) {
    uint32_t signs = 0;
    for (size_t k = 0; k < 4; k++) {
      const uint16_t q = half_at(b + 2 + 8 * j + 2 * k);
      signs |= alora_even_sign_halves[q >> 9] >> k;
      ninth |= (uint32_t)(q >> 8 & 1) << (4 * j + k);
      to.bytes[32 * (4 * j + k)] = (uint8_t)q;
    }
    put_word(to, j, signs);
  }
  put_word(to, 8, ninth);
  for (size_t i = 0; i < 2; i++) put_word(to, 9 + i, word_at(b + 66 + 4 * i));
}

// Words: eight of signs, two of the indices' upper bits, two of scales. Half: d. Bytes: indices.
static inline void iq2_s(const uint8_t *b, const fields to) {
  put_half(to, 0, half_at(b));
  put_signs(to, b + 34);
  for (size_t i = 0; i < 4; i++) put_word(to, 8 + i, word_at(b + 66 + 4 * i));
  put_bytes(to, b + 2, 32);
}

// Words: eight of signs, scales. Half: d. Bytes: indices.
static inline void iq3_xxs(const uint8_t *b, const fields to) {
  uint32_t scales = 0;
  put_half(to, 0, half_at(b));
  for (size_t j = 0; j < 8; j++) {
    const uint32_t high = word_at(b + 66 + 4 * j);
    put_word(to, j, even_signs_of(high));
    scales |= high >> 28 << 4 * j;
  }
  put_word(to, 8, scales);
  put_bytes(to, b + 2, 64);
}

// Words: eight of signs, two of the indices' ninth bits, scales. Half: d. Bytes: indices.
static inline void iq3_s(const uint8_t *b, const fields to) {
  put_half(to, 0, half_at(b));
  put_signs(to, b + 74);
  for (size_t i = 0; i < 2; i++) put_word(to, 8 + i, word_at(b + 66 + 4 * i));
  put_word(to, 10, word_at(b + 106));
  put_bytes(to, b + 2, 64);
}

// Word: scales, half a byte each. Halves: d, eight of the indices' upper bits. Bytes: indices. The sign of what is added to 32
// columns becomes the twelfth bit of their indices.
static inline void iq1_s(const uint8_t *b, const fields to) {
  uint32_t scales = 0;
  put_half(to, 0, half_at(b));
  for (size_t j = 0; j < 8; j++) {
    const unsigned high = half_at(b + 34 + 2 * j);
    const unsigned upper = (high & 7) | (high & 0x38) << 1 | (high & 0x1c0) << 2 | (high & 0xe00) << 3;
    put_half(to, 1 + j, (uint16_t)(upper | (high >> 15 ? 0x8888 : 0)));
    scales |= (uint32_t)(high >> 12 & 7) << 4 * j;
  }
  put_word(to, 0, scales);
  put_bytes(to, b + 2, 32);
}

// The same with two words of scales, and with a sign for eight columns.
static inline void iq1_m(const uint8_t *b, const fields to) {
  uint32_t d = 0;
  for (size_t i = 0; i < 2; i++) {
    uint32_t scales = 0;
    for (size_t k = 0; k < 8; k++) scales |= (uint32_t)(half_at(b + 48 + 4 * i + 2 * (k / 4)) >> 3 * (k % 4) & 7) << 4 * k;
    put_word(to, i, scales);
  }
  for (size_t i = 0; i < 4; i++) d |= (uint32_t)(half_at(b + 48 + 2 * i) >> 12) << 4 * i;
  put_half(to, 0, (uint16_t)d);
  for (size_t j = 0; j < 8; j++) put_half(to, 1 + j, half_at(b + 32 + 2 * j));
  put_bytes(to, b, 32);
}

// TQ1_0, all rows of a block together. Bytes hold digits to base 3, as fractions of 256: multiplied by three, a byte gives the next digit
// above it. Three digits take five bits, so that one lookup decodes them. Of 64 columns: three words of eighteen, a half of nine, and
// the last in the first word's upper bits. Words: twelve. Halves: d, four.
//   source: the first row's block     row_bytes: from a row to the next
static void pack_tq1_0(const uint8_t *restrict source, size_t row_bytes, size_t rows, uint8_t *restrict panel) {
  static const struct { size_t first_byte, bytes, first_column, digits; } runs[3] = {{0, 32, 0, 5}, {32, 16, 160, 5}, {48, 4, 240, 4}};
  uint8_t digits[256][ALORA_PANEL_ROWS];
  uint32_t words[16][ALORA_PANEL_ROWS] = {{0}};
  for (size_t i = 0; i < 3; i++) for (size_t b = 0; b < runs[i].bytes; b++) {
    uint8_t rest[ALORA_PANEL_ROWS] = {0};
    for (size_t r = 0; r < rows; r++) rest[r] = source[r * row_bytes + runs[i].first_byte + b];
    for (size_t n = 0; n < runs[i].digits; n++) {
      uint8_t *const to = digits[runs[i].first_column + n * runs[i].bytes + b];
      for (size_t r = 0; r < ALORA_PANEL_ROWS; r++) {
        const uint16_t three = (uint16_t)(3 * rest[r]);
        to[r] = (uint8_t)(three >> 8);
        rest[r] = (uint8_t)three;
      }
    }
  }
  for (size_t i = 0; i < 4; i++) {
    for (size_t f = 0; f < 21; f++) {
      const uint8_t (*const column)[ALORA_PANEL_ROWS] = digits + 64 * i + 3 * f;
      uint32_t *const to = words[4 * i + f / 6];
      uint8_t three[ALORA_PANEL_ROWS];
      for (size_t r = 0; r < ALORA_PANEL_ROWS; r++) three[r] = (uint8_t)(column[0][r] + 3 * column[1][r] + 9 * column[2][r]);
      for (size_t r = 0; r < ALORA_PANEL_ROWS; r++) to[r] |= (uint32_t)three[r] << 5 * (f % 6);
    }
    for (size_t r = 0; r < ALORA_PANEL_ROWS; r++) words[4 * i][r] |= (uint32_t)digits[64 * i + 63][r] << 30;
    memcpy(panel + 3 * i * sizeof *words, words[4 * i], 3 * sizeof *words);
  }
  uint8_t *const halves = panel + 12 * sizeof *words;
  for (size_t r = 0; r < ALORA_PANEL_ROWS; r++) {
    const fields to = {.halves = halves + 2 * r};
    put_half(to, 0, r < rows ? half_at(source + r * row_bytes + 52) : 0);
    for (size_t i = 0; i < 4; i++) put_half(to, 1 + i, (uint16_t)words[4 * i + 3][r]);
  }
}

// Words: sixteen of sixteen columns, two bits each, in their order. Half: d.
static inline void tq2_0(const uint8_t *b, const fields to) {
  put_half(to, 0, half_at(b + 64));
  for (size_t j = 0; j < 8; j++)
    for (size_t i = 0; i < 2; i++) {
      uint32_t word = 0;
      for (size_t k = 0; k < 4; k++) {
        const uint32_t four = word_at(b + 32 * (j / 4) + 16 * i + 4 * k) >> 2 * (j % 4) & 0x03030303u;
        word |= ((four | four >> 6 | four >> 12 | four >> 18) & 255) << 8 * k;
      }
      put_word(to, 2 * j + i, word);
    }
}

// An unsigned E4M3 scale as three bits of significand below five of exponent, from 2^-10 on, without subnormals. 0 is 0, and the
// reserved 0x7F too; a sign does nothing, except that 0xFF is a number.
static inline uint8_t nvfp4_scale(uint8_t bits) {
  static const uint8_t subnormal[8] = {0, 0x08, 0x10, 0x14, 0x18, 0x1a, 0x1c, 0x1e};
  if (bits == 0x7f) return 0;
  bits &= 0x7f;
  return bits < 8 ? subnormal[bits] : (uint8_t)(bits + (3 << 3));
}

// Words: eight of elements, as they are, and the scales.
static inline void nvfp4(const uint8_t *b, const fields to) {
  uint32_t scales = 0;
  for (size_t i = 0; i < 8; i++) put_word(to, i, word_at(b + 4 + 4 * i));
  for (size_t i = 0; i < 4; i++) scales |= (uint32_t)nvfp4_scale(b[i]) << 8 * i;
  put_word(to, 8, scales);
}

#define PACK(name)                                                                                            \
  for (size_t block = 0; block < blocks; block++, panel += 32 * format.packed_bytes)                          \
    for (size_t row = 0; row < rows; row++) {                                                                 \
      uint8_t *halves = panel + 128 * format.words, *bytes = halves + 64 * format.halves;                     \
      name(source + (row * blocks + block) * format.bytes, (fields){panel + 4 * row, halves + 2 * row, bytes + row}); \
    }                                                                                                         \
  break

void alora_pack_coded(alora_type type, const uint8_t *restrict source, size_t rows, size_t blocks, uint8_t *restrict panel) {
  const alora_format format = alora_format_of(type);
  switch (type) {
    case ALORA_TYPE_IQ2_XXS: PACK(iq2_xxs);
    case ALORA_TYPE_IQ2_XS: PACK(iq2_xs);
    case ALORA_TYPE_IQ2_S: PACK(iq2_s);
    case ALORA_TYPE_IQ3_XXS: PACK(iq3_xxs);
    case ALORA_TYPE_IQ3_S: PACK(iq3_s);
    case ALORA_TYPE_IQ1_S: PACK(iq1_s);
    case ALORA_TYPE_IQ1_M: PACK(iq1_m);
    case ALORA_TYPE_TQ1_0:
      for (size_t block = 0; block < blocks; block++)
        pack_tq1_0(source + block * format.bytes, blocks * format.bytes, rows, panel + 32 * block * format.packed_bytes);
      break;
    case ALORA_TYPE_TQ2_0: PACK(tq2_0);
    case ALORA_TYPE_NVFP4: PACK(nvfp4);
    default: break;
  }
}
