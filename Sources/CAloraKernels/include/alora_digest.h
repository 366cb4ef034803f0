// SHA-256 (FIPS 180-4), for digests of weights and of logits.
#ifndef ALORA_DIGEST_H
#define ALORA_DIGEST_H

#include <stddef.h>
#include <stdint.h>

typedef struct alora_sha256 {
  uint32_t state[8];
  uint64_t byte_count;
  uint8_t block[64];      // byte_count % 64 bytes that wait for the rest of their block
  int uses_instructions;  // may be set to 0 after the beginning, to see that the result is the same
} alora_sha256;

// Whether the processor has instructions for it.
int alora_sha256_has_instructions(void);
void alora_sha256_begin(alora_sha256 *hash);
void alora_sha256_add(alora_sha256 *hash, const void *bytes, size_t count);
// `digest` gets 32 bytes. `hash` must begin anew before it is used again.
void alora_sha256_end(alora_sha256 *hash, uint8_t *digest);

#endif
