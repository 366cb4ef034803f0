// The table of architectures, as the text of Sources/CArchitectureTable/architectures.json inside the binary.
#ifndef ALORA_ARCHITECTURE_TABLE_H
#define ALORA_ARCHITECTURE_TABLE_H

#include <stddef.h>

/// The first of `alora_architecture_table_count` bytes, which live as long as the process. Never null.
const unsigned char *_Nonnull alora_architecture_table(void);
size_t alora_architecture_table_count(void);

/// The offset of the first `length` bytes `wanted` among the bytes `from..<count` of `text`; `count` if they aren't there.
size_t alora_text_find(
  const unsigned char *_Nonnull text, size_t count, size_t from, const unsigned char *_Nonnull wanted, size_t length);

/// The offset of the first byte of the line that has the byte at `offset`, which is at most `count`.
size_t alora_text_line_start(const unsigned char *_Nonnull text, size_t offset);

#endif
