#include "CArchitectureTable.h"

// A C23 feature that clang offers in every mode. The text stays a file that Python writes and tools read.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char table[] = {
#embed "architectures.json"
};

const unsigned char *alora_architecture_table(void) { return table; }
size_t alora_architecture_table_count(void) { return sizeof table; }
