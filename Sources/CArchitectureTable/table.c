// For memmem.
#define _GNU_SOURCE

#include "CArchitectureTable.h"

#include <string.h>

// A C23 feature that clang offers in every mode. The text stays a file that Python writes and tools read.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char table[] = {
#embed "architectures.json"
};

const unsigned char *alora_architecture_table(void) { return table; }
size_t alora_architecture_table_count(void) { return sizeof table; }

size_t alora_text_find(const unsigned char *text, size_t count, size_t from, const unsigned char *wanted, size_t length) {
  if (from >= count) return count;
  const unsigned char *found = memmem(text + from, count - from, wanted, length);
  return found ? (size_t)(found - text) : count;
}

size_t alora_text_line_start(const unsigned char *text, size_t offset) {
  while (offset > 0 && text[offset - 1] != '\n') offset--;
  return offset;
}
