#include <string.h>

#include "formats.h"

// Where packing puts the bits of the numbers of Q5_0, Q5_1, Q2_K, Q3_K, Q5_K and Q6_K, so that a lane's number needs few instructions: it is
// whole in a byte of a word, at the same bits as in its neighbours. What doesn't fill bytes lies above them.

typedef uint32_t lanes[ALORA_PANEL_ROWS];  // a word of every row
#define EACH_ROW for (size_t r = 0; r < ALORA_PANEL_ROWS; r++)

// Numbers of 16 columns (a word for four, a byte each, column 4 * i + b in byte b of word i), below 8 or 64.
static void q3_k_numbers(const lanes *from, size_t s, lanes *to) {
  const size_t j = s / 2, g = s % 2;
  for (size_t i = 0; i < 4; i++) EACH_ROW {
    const uint32_t low = from[8 + 8 * (j / 4) + 4 * g + i][r] >> 2 * (j % 4) & 0x03030303u;
    to[i][r] = low | (from[4 * g + i][r] >> j & 0x01010101u) << 2;
  }
}
static void q6_k_numbers(const lanes *from, size_t s, lanes *to) {
  const size_t j = s / 2, g = s % 2;
  for (size_t i = 0; i < 4; i++) EACH_ROW {
    const uint32_t low = from[16 * (j / 4) + 8 * (j % 2) + 4 * g + i][r] >> 4 * (j % 4 / 2) & 0x0f0f0f0fu;
    to[i][r] = low | (from[32 + 8 * (j / 4) + 4 * g + i][r] >> 2 * (j % 4) & 0x03030303u) << 4;
  }
}

// Six bits of each byte of `last` go above those of three words, two to each.
static void put_above(const uint32_t *last, lanes *to) {
  for (size_t i = 0; i < 3; i++) EACH_ROW to[i][r] |= (last[r] >> 2 * i & 0x03030303u) << 6;
}

// The scales first, then three words for each 16 columns.
static void pack_q6_k(const lanes *from, lanes *to) {
  memcpy(to, from + 48, 4 * sizeof(lanes));
  for (size_t s = 0; s < 16; s++) {
    lanes numbers[4];
    q6_k_numbers(from, s, numbers);
    memcpy(to + 4 + 3 * s, numbers, 3 * sizeof(lanes));
    put_above(numbers[3], to + 4 + 3 * s);
  }
}

// Columns 4 * i ..< 4 * i + 4 and the next four, as pairs: 2 * b and 2 * b + 1 in byte b.
static void put_pairs(const uint32_t *first, const uint32_t *second, uint32_t *to) {
  EACH_ROW {
    const uint32_t a = first[r] | first[r] >> 5, b = second[r] | second[r] >> 5;  // byte 1 comes to bits 3 ..< 6 of byte 0
    to[r] = (a & 0x3f) | (a >> 8 & 0x3f00) | (b & 0x3f) << 16 | (b << 8 & 0x3f000000u);
  }
}

// The scales first, then three words for each 32 columns.
static void pack_q3_k(const lanes *from, lanes *to) {
  memcpy(to, from + 24, 3 * sizeof(lanes));
  for (size_t j = 0; j < 8; j++) {
    lanes numbers[8], last;
    q3_k_numbers(from, 2 * j, numbers);
    q3_k_numbers(from, 2 * j + 1, numbers + 4);
    for (size_t i = 0; i < 3; i++) put_pairs(numbers[2 * i], numbers[2 * i + 1], to[3 + 3 * j + i]);
    put_pairs(numbers[6], numbers[7], last);
    put_above(last, to + 3 + 3 * j);
  }
}

// Columns 4 * b ..< 4 * b + 4 of sixteen in byte b.
static void pack_q2_k(const lanes *from, lanes *to) {
  memcpy(to, from, 4 * sizeof(lanes));
  for (size_t s = 0; s < 16; s++) {
    const size_t j = s / 2;
    memset(to + 4 + s, 0, sizeof(lanes));
    for (size_t b = 0; b < 4; b++) EACH_ROW {
      uint32_t four = from[4 + 8 * (j / 4) + 4 * (s % 2) + b][r] >> 2 * (j % 4) & 0x03030303u;
      four |= four >> 6;
      to[4 + s][r] |= ((four & 0x0f) | (four >> 12 & 0xf0)) << 8 * b;
    }
  }
}

// 32 columns: the five bits of the first sixteen, above them the low three bits of the others, and their high two bits in the first word.
static void put_fives(const lanes *low, const lanes *high, lanes *to) {
  memset(to, 0, sizeof(lanes));
  for (size_t i = 0; i < 4; i++) EACH_ROW {
    const uint32_t first = low[i][r] | high[i][r] << 4, second = low[4 + i][r] | high[4 + i][r] << 4;
    to[1 + i][r] = first | (second & 0x07070707u) << 5;
    to[0][r] |= (second >> 3 & 0x03030303u) << 2 * i;
  }
}

static void pack_q5_k(const lanes *from, lanes *to) {
  memcpy(to, from, 3 * sizeof(lanes));
  for (size_t j = 0; j < 8; j++) {
    lanes low[8], high[8];
    for (size_t i = 0; i < 8; i++) EACH_ROW {
      low[i][r] = from[11 + 8 * (j / 2) + i][r] >> 4 * (j % 2) & 0x0f0f0f0fu;
      high[i][r] = from[3 + i][r] >> j & 0x01010101u;
    }
    put_fives(low, high, to + 3 + 5 * j);
  }
}

// Q5_0 and Q5_1. The fifth bits of 32 columns are one word.
static void pack_q5(const lanes *from, lanes *to) {
  lanes low[8], high[8];
  for (size_t i = 0; i < 8; i++) EACH_ROW {
    low[i][r] = from[1 + i % 4][r] >> 4 * (i / 4) & 0x0f0f0f0fu;
    const uint32_t bits = from[0][r] >> 4 * i & 15;
    high[i][r] = (bits | bits << 7 | bits << 14 | bits << 21) & 0x01010101u;
  }
  put_fives(low, high, to);
}

void alora_pack_numbers(alora_type type, uint8_t *panel, size_t blocks) {
  const alora_format format = alora_format_of(type);
  lanes from[52], to[52];
  for (size_t block = 0; block < blocks; block++) {
    uint8_t *words = panel + block * ALORA_PANEL_ROWS * format.bytes;
    memcpy(from, words, format.words * sizeof(lanes));
    switch (type) {
      case ALORA_TYPE_Q5_0:
      case ALORA_TYPE_Q5_1: pack_q5(from, to); break;
      case ALORA_TYPE_Q2_K: pack_q2_k(from, to); break;
      case ALORA_TYPE_Q3_K: pack_q3_k(from, to); break;
      case ALORA_TYPE_Q5_K: pack_q5_k(from, to); break;
      case ALORA_TYPE_Q6_K: pack_q6_k(from, to); break;
      default: return;
    }
    memcpy(words, to, format.words * sizeof(lanes));
  }
}
