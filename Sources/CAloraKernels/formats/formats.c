#include "formats.h"

// Source: block structures in ggml-common.h. Fields in a comment are in ggml's order.
alora_format alora_format_of(alora_type type) {
  switch (type) {
    case ALORA_TYPE_F32: return (alora_format){1, 4, 0, 1, 0, 0, 0, 0};
    case ALORA_TYPE_F16:
    case ALORA_TYPE_BF16: return (alora_format){1, 2, 0, 0, 0, 1, 0, 0};
    case ALORA_TYPE_Q4_0:
    case ALORA_TYPE_IQ4_NL: return (alora_format){32, 18, 2, 4, 0, 1, 0, 0};    // d, qs[16]
    case ALORA_TYPE_Q4_1: return (alora_format){32, 20, 4, 4, 0, 2, 0, 0};      // d, m, qs[16]
    case ALORA_TYPE_Q5_0: return (alora_format){32, 22, 2, 5, 0, 1, 0, 0};      // d, qh[4], qs[16]
    case ALORA_TYPE_Q5_1: return (alora_format){32, 24, 4, 5, 0, 2, 0, 0};      // d, m, qh[4], qs[16]
    case ALORA_TYPE_Q8_0: return (alora_format){32, 34, 2, 8, 0, 1, 0, 0};      // d, qs[32]
    case ALORA_TYPE_MXFP4: return (alora_format){32, 17, 1, 4, 0, 0, 1, 0};     // e, qs[16]
    case ALORA_TYPE_Q2_K: return (alora_format){256, 84, 0, 20, 80, 2, 0, 0};   // scales[16], qs[64], d, dmin
    case ALORA_TYPE_Q3_K: return (alora_format){256, 110, 0, 27, 108, 1, 0, 0}; // hmask[32], qs[64], scales[12], d
    case ALORA_TYPE_Q4_K: return (alora_format){256, 144, 4, 35, 0, 2, 0, 0};   // d, dmin, scales[12], qs[128]
    case ALORA_TYPE_Q5_K: return (alora_format){256, 176, 4, 43, 0, 2, 0, 0};   // d, dmin, scales[12], qh[32], qs[128]
    case ALORA_TYPE_Q6_K: return (alora_format){256, 210, 0, 52, 208, 1, 0, 0}; // ql[128], qh[64], scales[16], d
    case ALORA_TYPE_IQ4_XS: return (alora_format){256, 136, 4, 33, 0, 2, 0, 0}; // d, scales_h, scales_l[4], qs[128]
    // Packed by pack_coded.c.
    case ALORA_TYPE_IQ2_XXS: return (alora_format){256, 66, 0, 9, 0, 1, 32, 70};
    case ALORA_TYPE_IQ2_XS: return (alora_format){256, 74, 0, 11, 0, 1, 32, 78};
    case ALORA_TYPE_IQ2_S: return (alora_format){256, 82, 0, 12, 0, 1, 32, 82};
    case ALORA_TYPE_IQ3_XXS: return (alora_format){256, 98, 0, 9, 0, 1, 64, 102};
    case ALORA_TYPE_IQ3_S: return (alora_format){256, 110, 0, 11, 0, 1, 64, 110};
    case ALORA_TYPE_IQ1_S: return (alora_format){256, 50, 0, 1, 0, 9, 32, 54};
    case ALORA_TYPE_IQ1_M: return (alora_format){256, 56, 0, 2, 0, 9, 32, 58};
    case ALORA_TYPE_TQ1_0: return (alora_format){256, 54, 0, 12, 0, 5, 0, 58};
    case ALORA_TYPE_TQ2_0: return (alora_format){256, 66, 0, 16, 0, 1, 0, 66};
    case ALORA_TYPE_NVFP4: return (alora_format){64, 36, 0, 9, 0, 0, 0, 36};
  }
  return (alora_format){0, 0, 0, 0, 0, 0, 0, 0};
}

int alora_type_supported(alora_type type) { return alora_format_of(type).columns != 0; }
size_t alora_type_block_columns(alora_type type) { return alora_format_of(type).columns; }
size_t alora_type_block_byte_count(alora_type type) { return alora_format_of(type).bytes; }
