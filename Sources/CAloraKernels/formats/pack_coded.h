// Packing of the types whose fields change on the way into a panel: IQ1, IQ2, IQ3, TQ1_0, TQ2_0 and NVFP4.
#ifndef ALORA_PACK_CODED_H
#define ALORA_PACK_CODED_H

#include "../include/alora_kernels.h"

//   source: `rows` rows of `blocks` blocks, at most 32     panel: where their blocks go; rows that are missing stay as they are
void alora_pack_coded(alora_type type, const uint8_t *restrict source, size_t rows, size_t blocks, uint8_t *restrict panel);

#endif
