// Kernels of alora. Every function here gives the same bits on every CPU, with every compiler, for every thread count.
#ifndef ALORA_KERNELS_H
#define ALORA_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "alora_convert.h"
#include "alora_factors.h"

#endif
