// Times the prototype against the kernels that ship, and compares both with float64. See run.sh.
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "integer.h"

typedef void quantize(alora_type, const float *, size_t, size_t, int32_t *);
typedef void multiply(alora_type, const void *, size_t, size_t, size_t, size_t, const int32_t *, size_t, float *, size_t);
typedef struct { alora_isa isa; quantize *quantize; multiply *multiply; } entry;
static const entry entries[] = {
    {ALORA_ISA_SCALAR, integer_quantize_scalar, integer_matmul_scalar},
#if defined(__x86_64__)
    {ALORA_ISA_AVX2, integer_quantize_avx2, integer_matmul_avx2},
    {ALORA_ISA_AVX512, integer_quantize_avx512, integer_matmul_avx512},
#else
    {ALORA_ISA_NEON, integer_quantize_neon, integer_matmul_neon},
#endif
};
#define ENTRIES (sizeof entries / sizeof *entries)

static uint64_t state = 1;
static uint32_t random_bits(void) { return (uint32_t)((state = state * 6364136223846793005u + 1442695040888963407u) >> 32); }
static double uniform(void) { return (random_bits() + 0.5) / 4294967296.0; }
static double gaussian(void) { return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform()); }
// One thread counts its own processor time, so that neighbours on the machine matter less.
static double now(int threads) { struct timespec t; clock_gettime(threads > 1 ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &t); return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec; }
static int ascending(const void *a, const void *b) { const double x = *(const double *)a, y = *(const double *)b; return (x > y) - (x < y); }
static double median(double *x, int n) { qsort(x, (size_t)n, sizeof *x, ascending); return x[n / 2]; }

// One product, old or new, split by panels between threads. Preparing the activations is counted apart for many tokens, where it
// serves several products.
typedef struct { const entry *e; alora_type type; const void *w; size_t rows, columns, tokens; const float *x; float *tiles; int32_t *q; float *y; int threads, new; } product;
typedef struct { const product *p; int thread; } part;
static void *run_part(void *argument) {
  const part *a = argument;
  const product *p = a->p;
  const size_t panels = alora_panel_count(p->rows), first = panels * (size_t)a->thread / (size_t)p->threads / 2 * 2;
  const size_t end = a->thread + 1 == p->threads ? panels : panels * (size_t)(a->thread + 1) / (size_t)p->threads / 2 * 2;
  if (p->new) p->e->multiply(p->type, p->w, p->rows, p->columns, first, end - first, p->q, p->tokens, p->y, p->rows);
  else alora_matmul(p->e->isa, p->type, p->w, p->rows, p->columns, first, end - first, p->tokens > 1 ? p->tiles : p->x, p->tokens, 0,
                    alora_tile_count(p->tokens), p->y, p->rows);
  return NULL;
}
static double run(product p, int new, double *preparation) {
  p.new = new;
  const double start = now(p.threads);
  if (new) p.e->quantize(p.type, p.x, p.tokens, p.columns, p.q);
  else if (p.tokens > 1) alora_pack_activations(p.x, p.columns, p.tokens, p.columns, 0, alora_tile_count(p.tokens), p.tiles);
  *preparation = now(p.threads) - start;
  pthread_t other;
  part parts[2] = {{&p, 0}, {&p, 1}};
  if (p.threads > 1) pthread_create(&other, NULL, run_part, parts + 1);
  run_part(parts);
  if (p.threads > 1) pthread_join(other, NULL);
  return now(p.threads) - start - (p.tokens > 8 ? *preparation : 0);
}

static uint16_t half_of(double x) { _Float16 h = (_Float16)x; uint16_t bits; memcpy(&bits, &h, 2); return bits; }
// Random weights of about deviation 0.02.
static uint8_t *weights(alora_type type, size_t rows, size_t columns) {
  const size_t bytes = alora_type_block_byte_count(type), blocks = rows * columns / alora_type_block_columns(type);
  uint8_t *w = malloc(bytes * blocks);
  for (size_t i = 0; i < bytes * blocks; i++) w[i] = (uint8_t)(random_bits() >> 24);
  for (size_t b = 0; b < blocks; b++) {
    const uint16_t d = half_of((type == ALORA_TYPE_Q4_0 ? 4.4e-3 : type == ALORA_TYPE_Q8_0 ? 2.7e-4 : 1.4e-4) * (0.5 + uniform()));
    const uint16_t minimum = half_of(1e-3 * (0.5 + uniform()));
    memcpy(w + b * bytes, &d, 2);
    if (type == ALORA_TYPE_Q4_K) memcpy(w + b * bytes + 2, &minimum, 2);
  }
  return w;
}

// One value in 200 is 30 times larger, and column 7 a thousand times, as in the residual streams of real models.
static void activations(float *x, size_t tokens, size_t columns, int outliers) {
  for (size_t t = 0; t < tokens; t++)
    for (size_t k = 0; k < columns; k++) {
      const double factor = !outliers ? 1 : k == 7 && outliers > 1 ? 1000 : random_bits() % 200 == 0 ? 30 : 1;
      x[t * columns + k] = (float)(gaussian() * factor);
    }
}

int main(int count, char **arguments) {
  const alora_type types[] = {ALORA_TYPE_Q4_0, ALORA_TYPE_Q4_K, ALORA_TYPE_Q8_0};
  const char *names[] = {"Q4_0", "Q4_K", "Q8_0"};
  const size_t shapes[][2] = {{2048, 2048}, {8192, 2048}, {2048, 8192}}, token_counts[] = {1, 2, 4, 8, 512};
  const int errors_only = count > 1 && !strcmp(arguments[1], "errors"), rounds = count > 2 ? atoi(arguments[2]) : 15;
  for (int kind = 0; kind < 3; kind++) for (int s = 0; s < 3; s++) {
    const size_t rows = errors_only ? 64 : shapes[s][0], columns = errors_only ? (size_t[]){576, 2048, 8192}[s] / 256 * 256 + (s ? 0 : 256) : shapes[s][1];
    const alora_type type = types[kind];
    uint8_t *source = weights(type, rows, columns);
    void *packed = aligned_alloc(4096, (alora_packed_byte_count(type, rows, columns) + 4095) / 4096 * 4096);
    alora_pack(type, source, rows, columns, 0, alora_panel_count(rows), packed);
    float *x = malloc(4 * 512 * columns), *tiles = malloc(4 * 512 * columns), *y = malloc(4 * 512 * rows), *z = malloc(4 * 512 * rows);
    int32_t *q = malloc(4 * 512 * (columns / 32) * (MOST_DIGIT_WORDS + ROWS_AFTER_DIGITS));
    if (errors_only) {
      float *wide = malloc(4 * rows * columns);
      alora_dequantize(type, source, wide, rows * columns);
      for (int outliers = 0; outliers < 3; outliers++) {
        const size_t tokens = 16;
        activations(x, tokens, columns, outliers);
        double unused;
        uint64_t hash[ENTRIES][2];
        double square[2] = {0}, largest[2] = {0}, size = 0;
        for (size_t e = 0; e < ENTRIES; e++) for (int single = 0; single < 2; single++) {
          hash[e][single] = 14695981039346656037u;
          if (!alora_isa_available(entries[e].isa)) continue;
          product p = {&entries[e], type, packed, rows, columns, single ? 1 : tokens, x, tiles, q, z, 1, 0};
          for (size_t t = 0; t < tokens; t += p.tokens) { p.x = x + t * columns; p.y = z + t * rows; run(p, 1, &unused); }
          for (size_t i = 0; i < tokens * rows; i++) { uint32_t bits; memcpy(&bits, z + i, 4); hash[e][single] = (hash[e][single] ^ bits) * 1099511628211u; }
          if (hash[e][single] != hash[0][0]) printf("DIFFERENT BITS: %s, %s\n", alora_isa_name(entries[e].isa), single ? "one token" : "many");
        }
        run((product){&entries[0], type, packed, rows, columns, tokens, x, tiles, q, y, 1, 0}, 0, &unused);
        for (size_t t = 0; t < tokens; t++) for (size_t o = 0; o < rows; o++) {
          double exact = 0;
          for (size_t k = 0; k < columns; k++) exact += (double)x[t * columns + k] * (double)wide[o * columns + k];
          const double error[2] = {fabs(y[t * rows + o] - exact), fabs(z[t * rows + o] - exact)};
          size += exact * exact;
          for (int i = 0; i < 2; i++) { square[i] += error[i] * error[i]; if (error[i] > largest[i]) largest[i] = error[i]; }
        }
        size = sqrt(size / (double)(tokens * rows));
        printf("%s %5zu columns, outliers %d: rms error f32 %.2e, integer %.2e (%.2f); largest %.2e, %.2e; digest %016llx\n", names[kind], columns, outliers,
               sqrt(square[0] / (double)(tokens * rows)) / size, sqrt(square[1] / (double)(tokens * rows)) / size, sqrt(square[1] / square[0]), largest[0] / size, largest[1] / size, (unsigned long long)hash[0][0]);
      }
      free(wide);
    } else {
      activations(x, 512, columns, 1);
      for (size_t e = 1; e < ENTRIES; e++) for (int n = 0; n < 5; n++) for (int threads = 1; threads < 3; threads++) {
        if (!alora_isa_available(entries[e].isa)) continue;
        const size_t tokens = token_counts[n];
        const int inner = tokens < 512 ? 8 : 1;
        double old_times[200], new_times[200], ratios[200], preparation = 0;
        const product p = {&entries[e], type, packed, rows, columns, tokens, x, tiles, q, y, threads, 0};
        for (int r = -2; r < rounds; r++) {
          double a = 1e9, b = 1e9, prepare[2];
          for (int i = 0; i < inner; i++) { const double u = run(p, 0, prepare), v = run(p, 1, prepare + 1); a = u < a ? u : a; b = v < b ? v : b; }
          if (r >= 0) old_times[r] = a, new_times[r] = b, ratios[r] = a / b;
          preparation = prepare[1] / b;
        }
        const double work = (double)(rows * columns * tokens) * 1e-9;
        printf("%s %-6s %zux%zu tokens %3zu threads %d: f32 %6.1f, integer %6.1f G/s, gain %.2f, quantization %.1f %%\n", names[kind], alora_isa_name(entries[e].isa), rows, columns, tokens, threads,
               work / median(old_times, rounds), work / median(new_times, rounds), median(ratios, rounds), 100 * preparation);
        fflush(stdout);
      }
    }
    free(source); free(packed); free(x); free(tiles); free(y); free(z); free(q);
  }
}
