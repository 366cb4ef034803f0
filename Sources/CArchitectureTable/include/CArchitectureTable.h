// The table of architectures, as the text of Sources/CArchitectureTable/architectures.json inside the binary.
#ifndef ALORA_ARCHITECTURE_TABLE_H
#define ALORA_ARCHITECTURE_TABLE_H

#include <stddef.h>

/// The first of `alora_architecture_table_count` bytes, which live as long as the process. Never null.
const unsigned char *_Nonnull alora_architecture_table(void);
size_t alora_architecture_table_count(void);

#endif
