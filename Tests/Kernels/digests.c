// Runs every kernel on fixed pseudo-random inputs and prints one digest per case. The same lines must come out of every
// instruction set, compiler and machine; `digests [isa…]` compares the named sets (default: all available) as it goes and
// exits with 1 where they differ.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alora_kernels.h"
#include "shared/exact.h"  // the definitions below must not be contracted either

static uint64_t state;
static uint32_t next_u32(void) {  // SplitMix64
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (uint32_t)((z ^ (z >> 31)) >> 16);
}
static float next_float(void) { return (float)(int32_t)next_u32() * 0x1p-31f; }  // one rounding, [-1, 1]

static uint64_t digest_of(const void *data, size_t count) {  // FNV-1a
  const uint8_t *bytes = data;
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < count; i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
  return hash;
}

static alora_isa isas[4];
static size_t isa_count;
static int failures;

typedef void body(alora_isa isa, float *result, size_t count, const void *context);

// Runs one case for each set; the result of the first is printed, the others must equal it.
static void run(const char *name, size_t count, body *f, const void *context) {
  float *first = malloc(4 * count), *other = malloc(4 * count);
  for (size_t i = 0; i < isa_count; i++) {
    float *result = i == 0 ? first : other;
    memset(result, 0, 4 * count);
    f(isas[i], result, count, context);
    if (i == 0) printf("%-44s %016llx\n", name, (unsigned long long)digest_of(first, 4 * count));
    else if (memcmp(first, other, 4 * count) != 0) {
      size_t at = 0;
      while (memcmp(first + at, other + at, 4) == 0) at++;
      printf("  DIFFERS: %s against %s at %zu: %a %a\n", alora_isa_name(isas[i]), alora_isa_name(isas[0]), at, other[at], first[at]);
      failures++;
    }
  }
  free(first);
  free(other);
}

static void *aligned(size_t bytes) { return aligned_alloc(64, (bytes + 127) / 64 * 64); }

// ------------------------------------------------------------------------------------------------ matrix products

static const struct { alora_type type; const char *name; } types[] = {
    {ALORA_TYPE_F32, "f32"},   {ALORA_TYPE_F16, "f16"},   {ALORA_TYPE_BF16, "bf16"},     {ALORA_TYPE_Q8_0, "q8_0"},
    {ALORA_TYPE_Q4_0, "q4_0"}, {ALORA_TYPE_Q4_1, "q4_1"}, {ALORA_TYPE_Q5_0, "q5_0"},     {ALORA_TYPE_Q5_1, "q5_1"},
    {ALORA_TYPE_Q2_K, "q2_k"}, {ALORA_TYPE_Q3_K, "q3_k"}, {ALORA_TYPE_Q4_K, "q4_k"},     {ALORA_TYPE_Q5_K, "q5_k"},
    {ALORA_TYPE_Q6_K, "q6_k"}, {ALORA_TYPE_IQ4_NL, "iq4_nl"}, {ALORA_TYPE_IQ4_XS, "iq4_xs"}, {ALORA_TYPE_MXFP4, "mxfp4"},
    {ALORA_TYPE_IQ2_XXS, "iq2_xxs"}, {ALORA_TYPE_IQ2_XS, "iq2_xs"}, {ALORA_TYPE_IQ2_S, "iq2_s"}, {ALORA_TYPE_IQ3_XXS, "iq3_xxs"},
    {ALORA_TYPE_IQ3_S, "iq3_s"}, {ALORA_TYPE_IQ1_S, "iq1_s"}, {ALORA_TYPE_IQ1_M, "iq1_m"}, {ALORA_TYPE_TQ1_0, "tq1_0"},
    {ALORA_TYPE_TQ2_0, "tq2_0"}, {ALORA_TYPE_NVFP4, "nvfp4"}};

// Offsets of a block's f16 fields, which must be finite; -1: none.
static void random_rows(alora_type type, uint8_t *rows, size_t row_count, size_t columns) {
  const size_t block = alora_type_block_byte_count(type), per_block = alora_type_block_columns(type);
  const size_t blocks = row_count * columns / per_block;
  for (size_t i = 0; i < blocks; i++) {
    uint8_t *b = rows + i * block;
    for (size_t j = 0; j < block; j++) b[j] = (uint8_t)next_u32();
    float value = next_float() * 0.125f, second = next_float() * 0.125f;
    uint16_t half, half2;
    alora_narrow_f16(&value, &half, 1);
    alora_narrow_f16(&second, &half2, 1);
    switch (type) {
      case ALORA_TYPE_F32: memcpy(b, &value, 4); break;
      case ALORA_TYPE_BF16: alora_narrow_bf16(&value, &half, 1); memcpy(b, &half, 2); break;
      case ALORA_TYPE_Q4_1: case ALORA_TYPE_Q5_1: case ALORA_TYPE_Q4_K: case ALORA_TYPE_Q5_K: memcpy(b + 2, &half2, 2); memcpy(b, &half, 2); break;
      case ALORA_TYPE_Q2_K: memcpy(b + 80, &half, 2); memcpy(b + 82, &half2, 2); break;
      case ALORA_TYPE_Q3_K: memcpy(b + 108, &half, 2); break;
      case ALORA_TYPE_Q6_K: memcpy(b + 208, &half, 2); break;
      case ALORA_TYPE_TQ1_0: memcpy(b + 52, &half, 2); break;
      case ALORA_TYPE_TQ2_0: memcpy(b + 64, &half, 2); break;
      case ALORA_TYPE_NVFP4: b[0] = i % 7 == 0 ? 0x7f : b[0]; break;
      // The top bits of four halves are the scale's.
      case ALORA_TYPE_IQ1_M: for (int k = 0; k < 4; k++) b[49 + 2 * k] = (uint8_t)((b[49 + 2 * k] & 15) | (half >> 4 * k & 15) << 4); break;
      case ALORA_TYPE_MXFP4: b[0] = i % 7 == 0 ? (uint8_t)(i % 3) : (uint8_t)(110 + b[0] % 16); break;
      default: memcpy(b, &half, 2); break;
    }
  }
}

typedef struct { alora_type type; size_t rows, columns, tokens; const uint8_t *source; const void *packed; const float *x, *x_packed; } product;

static void run_product(alora_isa isa, float *y, size_t count, const void *context) {
  const product *p = context;
  (void)count;
  // In two ranges of tiles, the later first; of one tile the earlier range has none.
  const size_t tiles = alora_tile_count(p->tokens), half = tiles / 2, panels = alora_panel_count(p->rows);
  alora_matmul(isa, p->type, p->packed, p->rows, p->columns, 0, panels, p->x_packed, p->tokens, half, tiles - half, y, p->rows);
  alora_matmul(isa, p->type, p->packed, p->rows, p->columns, 0, panels, p->x_packed, p->tokens, 0, half, y, p->rows);
}

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return value == value ? bits : 0x7fc00000;
}

// The definition, from the plain widening and fmaf alone.
static void check_product(const product *p, alora_isa isa, const char *name) {
  float *w = malloc(4 * p->columns), *y = malloc(4 * p->rows * p->tokens);
  const size_t row_bytes = p->columns / alora_type_block_columns(p->type) * alora_type_block_byte_count(p->type);
  run_product(isa, y, 0, p);
  for (size_t o = 0; o < p->rows; o++) {
    alora_dequantize(p->type, p->source + o * row_bytes, w, p->columns);
    for (size_t t = 0; t < p->tokens; t++) {
      float s = 0.0f;
      for (size_t k = 0; k < p->columns; k++) s = fmaf(p->x[t * p->columns + k], w[k], s);
      if (bits_of(s) != bits_of(y[t * p->rows + o])) {
        printf("  WRONG: %s (%s) row %zu token %zu: %a, by definition %a\n", name, alora_isa_name(isa), o, t, y[t * p->rows + o], s);
        failures++;
        o = p->rows;
        break;
      }
    }
  }
  free(w);
  free(y);
}

// What random numbers don't show: sums of zero with either sign (rows and activations of zeros, activations so small that their products
// vanish), and scales that are zero, subnormal, infinite or NaN. With every set, by definition; not among the digests.
static void products_at_the_edges(void) {
  static const uint16_t scales[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x3c00, 0xbc00, 0x7c00, 0xfc00, 0x7e00};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    for (size_t tokens = 1; tokens < 18; tokens += tokens < 5 ? 1 : 4) for (int hardest = 0; hardest < 2; hardest++) {
      product p = {.type = types[i].type, .rows = 70, .columns = 256, .tokens = tokens};
      state = 77 * i + 2 * tokens + (size_t)hardest;
      const size_t block = alora_type_block_byte_count(p.type), bytes = p.rows * p.columns / alora_type_block_columns(p.type) * block;
      uint8_t *source = malloc(bytes);
      random_rows(p.type, source, p.rows, p.columns);
      memset(source + bytes / p.rows * 5, 0, bytes / p.rows * 30);
      // Rows of zeros and one number, whose scale is negative in some types, and rows of one number everywhere.
      for (size_t r = 40; r < 70 && alora_narrows_blocks((unsigned)p.type); r++) {
        float row[256];
        for (size_t k = 0; k < 256; k++) row[k] = r < 60 ? (k == r + 184 ? 0.5f : 0.0f) : 0.5f;
        alora_narrow_blocks((unsigned)p.type, row, source + bytes / p.rows * r, p.columns / alora_type_block_columns(p.type));
      }
      if (block > 4 && hardest) for (size_t b = 0; b < bytes; b += block) {
        const size_t at = p.type == ALORA_TYPE_Q2_K ? 80 : p.type == ALORA_TYPE_Q3_K ? 108 : p.type == ALORA_TYPE_Q6_K ? 208
                        : p.type == ALORA_TYPE_TQ1_0 ? 52 : p.type == ALORA_TYPE_TQ2_0 ? 64 : 0;
        if (next_u32() % 3 == 0) memcpy(source + b + at, &scales[next_u32() % (sizeof scales / sizeof *scales)], 2);
      }
      float *x = malloc(4 * tokens * p.columns), *x_packed = aligned(4 * tokens * p.columns);
      for (size_t t = 0; t < tokens; t++) {
        float *of_token = x + t * p.columns;
        for (size_t k = 0; k < p.columns; k++) {
          of_token[k] = fabsf(next_float());
          if (!hardest) of_token[k] *= next_u32() % 2 ? 0x1p-126f : 0x1p-147f;
          else if (t % 2) of_token[k] -= 0.5f;
        }
        if (!hardest) of_token[224 + (7 * t + 3) % 20] = -0x1p-149f;  // its product is -0, and stays it while weights are -0
      }
      alora_pack_activations(x, p.columns, tokens, p.columns, 0, alora_tile_count(tokens), x_packed);
      void *packed = aligned(alora_packed_byte_count(p.type, p.rows, p.columns));
      alora_pack(p.type, source, p.rows, p.columns, 0, alora_panel_count(p.rows), packed);
      p.source = source;
      p.packed = packed;
      p.x = x;
      p.x_packed = x_packed;
      char name[80];
      snprintf(name, sizeof name, "edges %s x%zu", types[i].name, tokens);
      for (size_t k = 0; k < isa_count; k++) check_product(&p, isas[k], name);
      free(source);
      free(x);
      free(x_packed);
      free(packed);
    }
}

static void products(void) {
  static const size_t tokens[] = {1, 2, 3, 5, 12, 13, 25, 70, 4, 7, 8};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    for (size_t j = 0; j < sizeof tokens / sizeof tokens[0]; j++) {
      const size_t per_block = alora_type_block_columns(types[i].type);
      product p = {.type = types[i].type, .tokens = tokens[j]};
      state = 1000 * i + j;
      p.rows = 1 + next_u32() % 200;
      p.columns = per_block == 1 ? 1 + next_u32() % 600 : per_block * (1 + next_u32() % (768 / per_block));
      const size_t bytes = p.rows * p.columns / per_block * alora_type_block_byte_count(p.type);
      uint8_t *source = malloc(bytes);
      random_rows(p.type, source, p.rows, p.columns);
      float *x = malloc(4 * p.tokens * p.columns), *x_packed = aligned(4 * p.tokens * p.columns);
      for (size_t k = 0; k < p.tokens * p.columns; k++) x[k] = next_float();
      void *packed = aligned(alora_packed_byte_count(p.type, p.rows, p.columns));
      alora_pack(p.type, source, p.rows, p.columns, 0, alora_panel_count(p.rows), packed);
      alora_pack_activations(x, p.columns, p.tokens, p.columns, 0, alora_tile_count(p.tokens), x_packed);
      p.source = source, p.packed = packed, p.x = x, p.x_packed = x_packed;
      char name[80];
      snprintf(name, sizeof name, "matmul %s [%zu, %zu] x %zu", types[i].name, p.rows, p.columns, p.tokens);
      run(name, p.rows * p.tokens, run_product, &p);
      check_product(&p, isas[isa_count - 1], name);
      free(source), free(x), free(x_packed), free(packed);
    }
}

// ------------------------------------------------------------------------------------------------- element-wise

typedef struct { int function; const float *a, *b; size_t n; } elementwise;
static const char *const function_names[] = {"exp", "tanh", "silu", "gelu", "soft cap", "softmax", "rms norm", "add", "scale", "add scaled", "rope halves", "rope interleaved", "clamped swish", "sigmoid", "layer norm", "rms norm without a weight", "layer norm without a weight", "multiply", "relu squared", "l2 norm", "cut-off", "match magnitude"};

static void run_elementwise(alora_isa isa, float *y, size_t count, const void *context) {
  const elementwise *e = context;
  float cosines[16 * 32], sines[16 * 32], frequencies[32];
  for (int i = 0; i < 32; i++) frequencies[i] = 1.0f / (float)(1 + i);
  alora_rope_table(frequencies, 32, 777, 16, 1.0f, cosines, sines);
  switch (e->function) {
    case 0: alora_exp(isa, e->a, y, count); break;
    case 1: alora_tanh(isa, e->a, y, count); break;
    case 2: alora_silu_multiply(isa, e->a, e->b, y, count); break;
    case 3: alora_gelu_tanh_multiply(isa, e->a, e->b, y, count); break;
    case 4: alora_soft_cap(isa, 30.0f, e->a, y, count); break;
    case 5: alora_softmax(isa, e->a, y, count); break;
    case 6: alora_rms_norm(isa, e->a, count, e->b, 1e-5f, y, count, 1, count); break;
    case 7: alora_add(isa, e->a, e->b, y, count); break;
    case 8: alora_scale_by(isa, 0.3f, e->a, y, count); break;
    case 9: memcpy(y, e->b, 4 * count); alora_add_scaled(isa, 0.3f, e->a, y, count); break;
    case 12: alora_clamped_swish_multiply(isa, 1.702f, 0.5f, e->a, e->b, y, count); break;
    case 13: alora_sigmoid(isa, e->a, y, count); break;
    case 14: alora_layer_norm(isa, e->a, count, e->b, 1e-5f, y, count, 1, count); break;
    case 15: alora_rms_norm(isa, e->a, count, NULL, 1e-5f, y, count, 1, count); break;
    case 16: alora_layer_norm(isa, e->a, count, NULL, 1e-5f, y, count, 1, count); break;
    case 17: alora_multiply(isa, e->a, e->b, y, count); break;
    case 18: alora_relu_squared(isa, e->a, y, count); break;
    case 19: alora_l2_norm(isa, e->a, count, 1e-6f, 0.3f, y, count, 1, count); break;
    case 20: alora_cut_off(isa, e->a, count, 0.8f, y, count, 1, count); break;
    case 21: alora_match_magnitude(isa, e->a, count, e->b, count, 1e-5f, y, count, 1, count); break;
    default:
      memcpy(y, e->a, 4 * count);
      if (count >= 66) alora_rope(isa, (alora_rope_layout)(e->function - 10), y, 66, count / 66, 1, 66, cosines, sines, count / 66 == 1 ? 32 : 7);
  }
}

// Note 4 of alora_kernels.h, lane by lane.
static float lane_sum(const float *a, const float *b, size_t n) {
  float lanes[16] = {0};
  for (size_t i = 0; i < n; i++) lanes[i % 16] = b ? fmaf(a[i], b[i], lanes[i % 16]) : lanes[i % 16] + a[i];
  for (int width = 8; width > 0; width /= 2)
    for (int l = 0; l < width; l++) lanes[l] += lanes[l + width];
  return lanes[0];
}

// The norms by their definition.
static void check_norm(const elementwise *e, const char *name) {
  const int is_layer = e->function == 14 || e->function == 16 || e->function == 20;
  float *y = malloc(4 * e->n), *d = malloc(4 * e->n);
  run_elementwise(isas[isa_count - 1], y, e->n, e);
  const float mean = is_layer ? lane_sum(e->a, NULL, e->n) / (float)e->n : 0.0f;
  for (size_t i = 0; i < e->n; i++) d[i] = is_layer ? e->a[i] - mean : e->a[i];
  const float sum = lane_sum(d, d, e->n), r = 1.0f / sqrtf(e->function == 19 ? sum + 1e-6f : sum / (float)e->n + 1e-5f);
  for (size_t i = 0; i < e->n; i++) {
    const float mean_square = sum / (float)e->n;
    const float expected = e->function == 20   ? fmaxf(d[i] - sqrtf(mean_square) * 0.8f, 0.0f)
                           : e->function == 21 ? d[i] * sqrtf(lane_sum(e->b, e->b, e->n) / (float)e->n) / sqrtf(mean_square)
                           : e->function < 15  ? d[i] * r * e->b[i]
                           : e->function == 19 ? d[i] * r * 0.3f
                                               : d[i] * r;
    if (memcmp(&expected, &y[i], 4) != 0) {
      printf("  WRONG: %s at %zu: %a, by definition %a\n", name, i, y[i], expected);
      failures++;
      break;
    }
  }
  free(y), free(d);
}

static void elementwises(void) {
  static const size_t sizes[] = {1, 7, 16, 17, 66, 133, 576, 1000};
  static const float special[] = {0.0f, -0.0f, INFINITY, -INFINITY, 0x1p-149f, -0x1p-126f, 88.7f, 88.8f, -87.4f, -103.9f, -104.1f, 0.625f, 1e30f, -1e30f};
  for (int f = 0; f < 22; f++)
    for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
      elementwise e = {.function = f, .n = sizes[j]};
      state = 100 * (uint64_t)f + j + 7;
      float *a = malloc(4 * e.n), *b = malloc(4 * e.n);
      for (size_t i = 0; i < e.n; i++) {
        const float scale = next_u32() % 4 == 0 ? 100.0f : 4.0f;
        a[i] = next_float() * scale, b[i] = next_float();
      }
      if (f < 5 && f != 2 && f != 3 && e.n >= 133) memcpy(a + 50, special, sizeof special);
      e.a = a, e.b = b;
      char name[80];
      snprintf(name, sizeof name, "%s %zu", function_names[f], e.n);
      run(name, e.n, run_elementwise, &e);
      if (f == 6 || (f >= 14 && f != 17 && f != 18)) check_norm(&e, name);
      free(a), free(b);
    }
}

// ---------------------------------------------------------------------------------------------------- attention

typedef struct { alora_attention shape; size_t tokens, chunk; const float *q, *k, *v; } attention;

static void run_attention(alora_isa isa, float *y, size_t count, const void *context) {
  const attention *a = context;
  const size_t blocks = (a->tokens + 31) / 32, dim = a->shape.head_dim, width = dim * a->shape.group;
  float **keys = malloc(blocks * sizeof *keys), **values = malloc(blocks * sizeof *values);
  (void)count;
  for (size_t i = 0; i < blocks; i++) {
    keys[i] = aligned(4 * alora_key_block_float_count(dim)), values[i] = aligned(4 * alora_value_block_float_count(dim));
    memset(keys[i], 0, 4 * alora_key_block_float_count(dim)), memset(values[i], 0, 4 * alora_value_block_float_count(dim));
  }
  for (size_t t = 0; t < a->tokens; t += a->chunk) {
    const size_t n = a->tokens - t < a->chunk ? a->tokens - t : a->chunk;
    alora_store_keys(a->k + t * dim, dim, n, dim, t, keys);
    alora_store_values(a->v + t * dim, dim, n, dim, t, values);
    void *scratch = aligned(alora_attention_scratch_byte_count(&a->shape, t, n));
    alora_attend(isa, &a->shape, a->q + t * width, width, t, n, (const float *const *)keys, (const float *const *)values, y + t * width, width, scratch);
    free(scratch);
  }
  for (size_t i = 0; i < blocks; i++) free(keys[i]), free(values[i]);
  free(keys), free(values);
}

static void attentions(void) {
  static const float sinks[] = {1.5f, -2.0f, 100.0f, 0.0f, -INFINITY};  // a small one, a large one and none in effect
  static const struct { size_t dim, group, window, tokens; float cap; int has_sinks; size_t chunk; } cases[] = {
      {64, 3, 0, 150, 0.0f}, {64, 1, 0, 97, 0.0f}, {80, 4, 40, 200, 0.0f}, {16, 13, 5, 60, 20.0f}, {20, 2, 33, 131, 0.0f}, {128, 7, 1, 40, 0.0f}, {64, 3, 0, 1, 0.0f}, {256, 30, 0, 35, 50.0f},
      {64, 5, 0, 97, 0.0f, 1}, {20, 3, 33, 131, 20.0f, 1},
      {64, 3, 0, 150, 0.0f, 0, 40}, {20, 2, 0, 131, 0.0f, 1, 5}, {80, 1, 7, 97, 0.0f, 0, 32}};
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
    attention a = {.shape = {cases[c].dim, cases[c].group, cases[c].window, 0.125f, cases[c].cap}, .tokens = cases[c].tokens};
    if (cases[c].has_sinks) a.shape.sinks = sinks;
    a.shape.chunk = cases[c].chunk;
    const size_t width = a.shape.head_dim * a.shape.group;
    state = 31 * c;
    float *q = malloc(4 * a.tokens * width), *k = malloc(4 * a.tokens * a.shape.head_dim), *v = malloc(4 * a.tokens * a.shape.head_dim);
    for (size_t i = 0; i < a.tokens * width; i++) q[i] = 2.0f * next_float();
    for (size_t i = 0; i < a.tokens * a.shape.head_dim; i++) k[i] = 2.0f * next_float(), v[i] = next_float();
    a.q = q, a.k = k, a.v = v;
    uint64_t whole = 0;
    static const size_t chunks[] = {1000, 1, 7, 32, 50};
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
      a.chunk = chunks[i];
      char name[80];
      snprintf(name, sizeof name, "attention %zu: dim %zu x %zu, chunks of %zu", c, a.shape.head_dim, a.shape.group, a.chunk);
      run(name, a.tokens * width, run_attention, &a);
      float *y = malloc(4 * a.tokens * width);
      run_attention(isas[isa_count - 1], y, 0, &a);
      const uint64_t digest = digest_of(y, 4 * a.tokens * width);
      if (i > 0 && digest != whole) printf("  DIFFERS from the unchunked result\n"), failures++;
      whole = digest;
      free(y);
    }
    free(q), free(k), free(v);
  }
}

// ----------------------------------------------------------------------------------------------- recurrent mixers

typedef struct { size_t tokens, head_dim, state_size, kernel, split; const float *x, *b, *c, *weights; } recurrence;

// A convolution, then a scan of one head, in two calls if `split` is not 0: the outputs, then the state.
static void run_recurrence(alora_isa isa, float *y, size_t count, const void *context) {
  const recurrence *r = context;
  const size_t row = alora_scan_row_float_count(r->head_dim), rows = r->kernel - 1;
  float *convolved = malloc(4 * r->tokens * r->head_dim), *steps = malloc(8 * r->tokens), *history = calloc(rows + 1, 4 * r->head_dim);
  float *state[3];
  for (int i = 0; i < 3; i++) state[i] = aligned(4 * row * r->state_size), memset(state[i], 0, 4 * row * r->state_size);
  for (size_t part = 0; part < 2; part++) {
    const size_t first = part == 0 ? 0 : r->split, end = part == 0 ? r->split : r->tokens;
    if (first == end) continue;
    const float *x = r->x + first * r->head_dim;
    alora_convolve(isa, x, r->head_dim, history, r->weights, r->b, r->kernel, r->head_dim, 1, 0, end - first, convolved, r->head_dim);
    for (size_t k = 0; k < rows; k++) {
      const size_t at = end + k;
      if (at >= rows) memcpy(history + k * r->head_dim, r->x + (at - rows) * r->head_dim, 4 * r->head_dim);
    }
    const float bias = 0.3f, a = -1.7f;
    alora_time_steps(r->c + first, 1, &bias, &a, 0.001f, 3.0f, end - first, 1, steps, steps + r->tokens);
    alora_exp(isa, steps + r->tokens, steps + r->tokens, end - first);
    const alora_scan scan = {r->head_dim, r->state_size, end - first, convolved, r->head_dim, r->b + first, r->c + first, 1, steps,
                             steps + r->tokens, 1, 0.7f, y + first * r->head_dim, r->head_dim};
    alora_scan_head(isa, &scan, state[part], state[part + 1]);
  }
  float *last = r->split == 0 ? state[2] : r->split == r->tokens ? state[1] : state[2];
  for (size_t n = 0; n < r->state_size; n++)
    memcpy(y + (r->tokens + n) * r->head_dim, last + n * row, 4 * r->head_dim);
  (void)count;
  free(convolved), free(steps), free(history);
  for (int i = 0; i < 3; i++) free(state[i]);
}

// What alora_kernels.h says of a scan, one number at a time, from the convolution's rows and the steps of the whole text.
static void check_scan(const recurrence *r, const float *y) {
  const float bias = 0.3f, a = -1.7f;
  float *convolved = malloc(4 * r->tokens * r->head_dim), *steps = malloc(8 * r->tokens), *history = calloc(r->kernel, 4 * r->head_dim);
  alora_convolve(ALORA_ISA_SCALAR, r->x, r->head_dim, history, r->weights, r->b, r->kernel, r->head_dim, 1, 0, r->tokens, convolved, r->head_dim);
  for (size_t t = 0; t < r->tokens; t++)
    for (size_t p = 0; p < r->head_dim; p++) {
      float s = r->b[p];
      for (size_t k = 0; k < r->kernel; k++) {
        const float x = t + k + 1 < r->kernel ? 0.0f : r->x[(t + k + 1 - r->kernel) * r->head_dim + p];
        s = fmaf(r->weights[k * r->head_dim + p], x, s);
      }
      float e = -s;
      alora_exp(ALORA_ISA_SCALAR, &e, &e, 1);
      if (s / (1.0f + e) != convolved[t * r->head_dim + p]) printf("  WRONG: convolution at %zu, %zu\n", t, p), failures++;
    }
  alora_time_steps(r->c, 1, &bias, &a, 0.001f, 3.0f, r->tokens, 1, steps, steps + r->tokens);
  for (size_t t = 0; t < r->tokens; t++) {
    const double x = (double)(r->c[t] + bias), exact = log1p(exp(x)), kept = exact < 0.001f ? 0.001f : exact > 3 ? 3 : exact;
    if (fabs((double)steps[t] - kept) > 6e-8 * kept) printf("  WRONG: time step %a of %a\n", steps[t], x), failures++;
  }
  alora_exp(ALORA_ISA_SCALAR, steps + r->tokens, steps + r->tokens, r->tokens);
  for (size_t p = 0; p < r->head_dim; p++) {
    float *h = calloc(r->state_size, 4);
    for (size_t t = 0; t < r->tokens; t++) {
      const float x = convolved[t * r->head_dim + p], u = steps[t] * x;
      float s = 0;
      for (size_t n = 0; n < r->state_size; n++) {
        h[n] = fmaf(steps[r->tokens + t], h[n], u * r->b[t + n]);
        s = fmaf(h[n], r->c[t + n], s);
      }
      if (fmaf(0.7f, x, s) != y[t * r->head_dim + p]) printf("  WRONG: scan at %zu, %zu\n", t, p), failures++;
    }
    free(h);
  }
  free(convolved), free(steps), free(history);
}

static void recurrences(void) {
  static const struct { size_t tokens, head_dim, state_size, kernel; } cases[] = {
      {1, 4, 1, 1}, {9, 16, 5, 2}, {13, 20, 16, 4}, {7, 33, 3, 3}, {21, 64, 128, 4}, {5, 80, 7, 32}, {6, 111, 9, 4}};
  for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
    recurrence r = {cases[n].tokens, cases[n].head_dim, cases[n].state_size, cases[n].kernel, 0, NULL, NULL, NULL, NULL};
    const size_t width = r.tokens + r.state_size + r.head_dim, count = (r.tokens + r.state_size) * r.head_dim;
    float *x = malloc(4 * r.tokens * r.head_dim), *b = malloc(4 * width), *c = malloc(4 * width), *w = malloc(4 * r.kernel * r.head_dim);
    state = 0x7265637572000000u + n;
    for (size_t i = 0; i < r.tokens * r.head_dim; i++) x[i] = 3.0f * next_float();
    for (size_t i = 0; i < width; i++) b[i] = next_float(), c[i] = 4.0f * next_float();
    for (size_t i = 0; i < r.kernel * r.head_dim; i++) w[i] = next_float();
    r.x = x, r.b = b, r.c = c, r.weights = w;
    char name[64];
    snprintf(name, sizeof name, "recurrence %zu x %zu, %zu states, %zu taps", r.tokens, r.head_dim, r.state_size, r.kernel);
    run(name, count, run_recurrence, &r);
    float *whole = malloc(4 * count), *parts = malloc(4 * count);
    run_recurrence(isas[0], whole, count, &r);
    check_scan(&r, whole);
    for (r.split = 1; r.split <= r.tokens; r.split++) {
      run_recurrence(isas[isa_count - 1], parts, count, &r);
      if (memcmp(whole, parts, 4 * count) != 0) printf("  DIFFERS from the undivided result at %zu\n", r.split), failures++;
    }
    free(x), free(b), free(c), free(w), free(whole), free(parts);
  }
}

// ------------------------------------------------------------------------------------------------- gated delta net

typedef struct { size_t tokens, head_dim, key_dim, split; const float *q, *k, *v, *betas, *decays; } delta_rule;

// One head in two calls if `split` is not 0: the outputs, then the state.
static void run_delta(alora_isa isa, float *y, size_t count, const void *context) {
  const delta_rule *d = context;
  const size_t row = alora_scan_row_float_count(d->head_dim);
  float *memory = aligned(4 * row * d->key_dim);
  memset(memory, 0, 4 * row * d->key_dim);
  for (size_t part = 0; part < 2; part++) {
    const size_t first = part == 0 ? 0 : d->split, end = part == 0 ? d->split : d->tokens;
    if (first == end) continue;
    const alora_delta delta = {d->head_dim, d->key_dim, end - first, d->q + first, d->k + first, 1, d->v + first * d->head_dim, d->head_dim,
                               d->betas + first, d->decays + first, 1, y + first * d->head_dim, d->head_dim};
    alora_delta_head(isa, &delta, memory, memory);
  }
  for (size_t n = 0; n < d->key_dim; n++) memcpy(y + (d->tokens + n) * d->head_dim, memory + n * row, 4 * d->head_dim);
  (void)count;
  free(memory);
}

// What alora_kernels.h says of a head, one number at a time.
static void check_delta(const delta_rule *d, const float *y) {
  for (size_t p = 0; p < d->head_dim; p++) {
    float *h = calloc(d->key_dim, 4);
    for (size_t t = 0; t < d->tokens; t++) {
      float m = 0, s = 0;
      for (size_t n = 0; n < d->key_dim; n++) h[n] = d->decays[t] * h[n], m = fmaf(h[n], d->k[t + n], m);
      const float difference = d->v[t * d->head_dim + p] - m, u = difference * d->betas[t];
      for (size_t n = 0; n < d->key_dim; n++) h[n] = fmaf(d->k[t + n], u, h[n]), s = fmaf(h[n], d->q[t + n], s);
      if (s != y[t * d->head_dim + p]) printf("  WRONG: delta rule at %zu, %zu\n", t, p), failures++;
    }
    free(h);
  }
}

static void deltas(void) {
  static const struct { size_t tokens, head_dim, key_dim; } cases[] = {{1, 4, 1}, {9, 16, 5}, {13, 20, 16}, {7, 33, 3}, {21, 64, 128}, {6, 111, 9}};
  for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
    delta_rule d = {cases[n].tokens, cases[n].head_dim, cases[n].key_dim, 0, NULL, NULL, NULL, NULL, NULL};
    const size_t width = d.tokens + d.key_dim, count = width * d.head_dim;
    float *numbers = malloc(4 * (4 * width + d.tokens * d.head_dim)), *whole = malloc(4 * count), *parts = malloc(4 * count);
    state = 0x64656c7461000000u + n;
    for (size_t i = 0; i < 4 * width + d.tokens * d.head_dim; i++) numbers[i] = next_float();
    d.q = numbers, d.k = numbers + width, d.betas = numbers + 2 * width, d.decays = numbers + 3 * width, d.v = numbers + 4 * width;
    char name[64];
    snprintf(name, sizeof name, "delta rule %zu x %zu, keys of %zu", d.tokens, d.head_dim, d.key_dim);
    run(name, count, run_delta, &d);
    run_delta(isas[0], whole, count, &d);
    check_delta(&d, whole);
    for (d.split = 1; d.split <= d.tokens; d.split++) {
      run_delta(isas[isa_count - 1], parts, count, &d);
      if (memcmp(whole, parts, 4 * count) != 0) printf("  DIFFERS from the undivided result at %zu\n", d.split), failures++;
    }
    free(numbers), free(whole), free(parts);
  }
}

static void tables(void) {
  double values[4000];
  for (int i = 0; i < 800; i++) {
    const double x = (double)next_float();
    values[5 * i] = alora_exp_f64(40.0 * x), values[5 * i + 1] = alora_log_f64(1.5 + x);
    values[5 * i + 2] = alora_pow_f64(10000.0, x), values[5 * i + 3] = alora_sin_f64(1e6 * x), values[5 * i + 4] = alora_cos_f64(1e5 * x);
  }
  printf("%-44s %016llx\n", "binary64", (unsigned long long)digest_of(values, sizeof values));
}

// Quantized weights of many sizes, with zeros, runs of equal ones and subnormals among them.
static void quantizers(void) {
  enum { COUNT = 16384 };
  static float x[COUNT];
  static uint8_t blocks[2 * COUNT];
  state = 7;
  for (size_t i = 0; i < COUNT; i++) {
    const float scale = ldexpf(1, (int)(i / 256 % 8) * 18 - 126);
    x[i] = next_u32() % 64 == 0 ? 0 : i / 32 % 9 == 0 && i % 32 != 0 ? x[i - 1] : (next_float() + next_float()) * scale;
  }
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    if (!alora_narrows_blocks((unsigned)types[i].type)) continue;
    const size_t count = COUNT / alora_type_block_columns(types[i].type);
    char name[64];
    snprintf(name, sizeof name, "quantize %s", types[i].name);
    if (!alora_narrow_blocks((unsigned)types[i].type, x, blocks, count)) printf("  WRONG: %s: a scale isn't finite\n", name), failures++;
    printf("%-44s %016llx\n", name, (unsigned long long)digest_of(blocks, count * alora_type_block_byte_count(types[i].type)));
  }
}

// SHA-256 is the same with the processor's instructions for it, however the bytes are divided.
static void hashes(void) {
  uint8_t bytes[1000], digest[2][32];
  state = 5;
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)next_u32();
  for (size_t count = 0; count <= sizeof bytes; count += 1 + next_u32() % 40) {
    for (int with = 0; with < 2; with++) {
      alora_sha256 hash;
      alora_sha256_begin(&hash);
      hash.uses_instructions &= with;
      const size_t half = next_u32() % (count + 1);
      alora_sha256_add(&hash, bytes, half);
      alora_sha256_add(&hash, bytes + half, count - half);
      alora_sha256_end(&hash, digest[with]);
    }
    if (memcmp(digest[0], digest[1], 32) != 0) {
      printf("  WRONG: SHA-256 of %zu bytes\n", count);
      failures++;
    }
  }
}

int main(int argc, char **argv) {
  for (int i = 0; i < 4; i++) {
    int wanted = argc < 2;
    for (int j = 1; j < argc; j++) wanted |= strcmp(argv[j], alora_isa_name((alora_isa)i)) == 0;
    if (wanted && alora_isa_available((alora_isa)i)) isas[isa_count++] = (alora_isa)i;
  }
  fprintf(stderr, "instruction sets:");
  for (size_t i = 0; i < isa_count; i++) fprintf(stderr, " %s", alora_isa_name(isas[i]));
  fprintf(stderr, "\n");
  if (isa_count == 0) return 2;
  tables();
  elementwises();
  products();
  products_at_the_edges();
  attentions();
  recurrences();
  deltas();
  quantizers();
  hashes();
  return failures != 0;
}
