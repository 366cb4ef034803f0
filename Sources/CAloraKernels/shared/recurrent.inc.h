// Recurrent mixers, token by token: the short convolution, the state-space scan of Mamba 2, and the gated delta rule. Included once per instruction
// set. No sum crosses tokens in another order than theirs, so no bit depends on where a call begins or ends.
#include "functions.inc.h"

INLINE v16f silu(v16f x) { return v_div(x, v_add(v_set(1.0f), v_exp(v_sub(v_set(-0.0f), x)))); }

// The sixteen channels from c on, `n` of them, of one token: rows[k] is the row that tap k reads.
INLINE v16f convolved(const float *const *rows, const float *weights, const float *bias, size_t kernel, size_t channels,
                      size_t c, size_t n) {
  v16f s = v_set(0.0f);
  if (n == 16) {
    if (bias) s = v_load(bias + c);
    for (size_t k = 0; k < kernel; k++) s = v_fma(v_load(weights + k * channels + c), v_load(rows[k] + c), s);
    return s;
  }
  if (bias) s = v_load_part(bias + c, n);
  for (size_t k = 0; k < kernel; k++) s = v_fma(v_load_part(weights + k * channels + c, n), v_load_part(rows[k] + c, n), s);
  return s;
}

TARGET void KERNEL(alora_convolve)(const float *restrict x, size_t x_stride, const float *restrict history,
                                   const float *restrict weights, const float *restrict bias, size_t kernel,
                                   size_t channels, int applies_silu, size_t first_token, size_t token_count,
                                   float *restrict y, size_t y_stride) {
  const float *rows[ALORA_KERNEL_LIMIT];
  for (size_t t = first_token; t < first_token + token_count; t++) {
    for (size_t k = 0; k < kernel; k++) {
      const size_t at = t + k;  // of the history and the rows after it
      rows[k] = at < kernel - 1 ? history + at * channels : x + (at - (kernel - 1)) * x_stride;
    }
    float *out = y + t * y_stride;
    for (size_t c = 0; c < channels; c += 16) {
      const size_t n = channels - c < 16 ? channels - c : 16;
      v16f s = convolved(rows, weights, bias, kernel, channels, c, n);
      if (applies_silu) s = silu(s);
      if (n == 16) v_store(out + c, s);
      else v_store_part(out + c, s, n);
    }
  }
}

// As many channels as have room in registers: `vectors` vectors of a head from channel p on, the last of `last` channels.
INLINE void scan_channels(const int vectors, size_t last, const alora_scan *scan, size_t p, const float *state_in,
                          float *state_out) {
  const size_t width = alora_scan_row_float_count(scan->head_dim);
  const float *x = scan->x + p, *b = scan->b, *c = scan->c;
  const v16f skip = v_set(scan->skip);
  float *y = scan->y + p;
  for (size_t t = 0; t < scan->token_count; t++) {
    const float *before = (t == 0 ? state_in : state_out) + p;
    float *after = state_out + p;
    const float step = scan->steps[t * scan->step_stride];
    const v16f decay = v_set(scan->decays[t * scan->step_stride]);
    v16f u[4], sums[4], own[4];
    for (int i = 0; i < vectors; i++) {
      own[i] = i + 1 == vectors && last < 16 ? v_load_part(x + 16 * i, last) : v_load(x + 16 * i);
      u[i] = v_mul(v_set(step), own[i]);
      sums[i] = v_set(0.0f);
    }
    for (size_t n = 0; n < scan->state_size; n++, before += width, after += width) {
      const v16f input = v_set(b[n]), output = v_set(c[n]);
      for (int i = 0; i < vectors; i++) {
        const v16f h = v_fma(decay, v_load(before + 16 * i), v_mul(u[i], input));
        v_store(after + 16 * i, h);
        sums[i] = v_fma(h, output, sums[i]);
      }
    }
    for (int i = 0; i < vectors; i++) {
      const v16f sum = v_fma(skip, own[i], sums[i]);
      if (i + 1 == vectors && last < 16) v_store_part(y + 16 * i, sum, last);
      else v_store(y + 16 * i, sum);
    }
    x += scan->x_stride, b += scan->bc_stride, c += scan->bc_stride, y += scan->y_stride;
  }
}

// A head's channels, as many vectors together as there are registers; the rest in as few steps as possible.
#define EACH_CHANNELS(run, head)                                                            \
  for (size_t p = 0; p < head->head_dim; p += 16 * SCAN_VECTORS) {                          \
    const size_t rest = head->head_dim - p, vectors = (rest + 15) / 16;                     \
    if (rest >= 16 * SCAN_VECTORS) run(SCAN_VECTORS, 16, head, p, state_in, state_out);     \
    else if (vectors == 3) run(3, rest - 32, head, p, state_in, state_out);                 \
    else if (vectors == 2) run(2, rest - 16, head, p, state_in, state_out);                 \
    else run(1, rest, head, p, state_in, state_out);                                        \
  }

TARGET void KERNEL(alora_scan_head)(const alora_scan *scan, const float *state_in, float *state_out) {
  EACH_CHANNELS(scan_channels, scan)
}

// As `scan_channels`. A token goes over the state twice: what its key finds there decides what is added.
INLINE void delta_channels(const int vectors, size_t last, const alora_delta *delta, size_t p, const float *state_in,
                           float *state_out) {
  const size_t width = alora_scan_row_float_count(delta->head_dim);
  const float *q = delta->q, *k = delta->k, *v = delta->v + p;
  float *y = delta->y + p;
  for (size_t t = 0; t < delta->token_count; t++) {
    const float *before = (t == 0 ? state_in : state_out) + p;
    float *after = state_out + p;
    const v16f beta = v_set(delta->betas[t * delta->gate_stride]), decay = v_set(delta->decays[t * delta->gate_stride]);
    v16f u[4], sums[4];
    for (int i = 0; i < vectors; i++) sums[i] = v_set(0.0f);
    for (size_t n = 0; n < delta->key_dim; n++, before += width, after += width) {
      const v16f key = v_set(k[n]);
      for (int i = 0; i < vectors; i++) {
        const v16f h = v_mul(decay, v_load(before + 16 * i));
        v_store(after + 16 * i, h);
        sums[i] = v_fma(h, key, sums[i]);
      }
    }
    for (int i = 0; i < vectors; i++) {
      const v16f own = i + 1 == vectors && last < 16 ? v_load_part(v + 16 * i, last) : v_load(v + 16 * i);
      u[i] = v_mul(v_sub(own, sums[i]), beta);
      sums[i] = v_set(0.0f);
    }
    after = state_out + p;
    for (size_t n = 0; n < delta->key_dim; n++, after += width) {
      const v16f key = v_set(k[n]), query = v_set(q[n]);
      for (int i = 0; i < vectors; i++) {
        const v16f h = v_fma(key, u[i], v_load(after + 16 * i));
        v_store(after + 16 * i, h);
        sums[i] = v_fma(h, query, sums[i]);
      }
    }
    for (int i = 0; i < vectors; i++) {
      if (i + 1 == vectors && last < 16) v_store_part(y + 16 * i, sums[i], last);
      else v_store(y + 16 * i, sums[i]);
    }
    q += delta->qk_stride, k += delta->qk_stride, v += delta->v_stride, y += delta->y_stride;
  }
}

TARGET void KERNEL(alora_delta_head)(const alora_delta *delta, const float *state_in, float *state_out) {
  EACH_CHANNELS(delta_channels, delta)
}
