// What this machine can do at best, for `alora bench`.

// Twelve or twenty-four independent sums, as many as there are registers for, hide the latency of an fma on every core known to
// us. The factors are read from memory, so that no compiler can find sums that stay what they are and leave them out. Where a
// vector is several registers, all of them have to be worked for: so the lanes begin with what is in memory too, since equal
// ones would be computed once, and all of them end there.
//   sink: 16 finite floats; overwritten
TARGET double KERNEL(alora_measure_fma)(size_t iterations, float *restrict sink) {
  enum { registers = sizeof(v16f_part) == 32 ? 12 : 24, parts = sizeof(v16f) / sizeof(v16f_part) };
  enum { sums = registers > parts ? registers / parts : 1 };
  v16f s[sums];
  const v16f lanes = v_load(sink);
  volatile float *factors = sink;
  factors[0] = 0x1.8p-1f;
  factors[1] = 0x1.4p-3f;
  const v16f a = v_set(factors[0]), b = v_set(factors[1]);
  for (int i = 0; i < sums; i++) s[i] = v_add(lanes, v_set((float)i));
  for (size_t n = 0; n < iterations; n++) {
    _Pragma("GCC unroll 24") for (int i = 0; i < sums; i++) s[i] = v_fma(s[i], a, b);
  }
  for (int i = 1; i < sums; i++) s[0] = v_add(s[0], s[i]);
  v_store(sink, s[0]);
  return (double)iterations * sums * 32.0;
}

TARGET uint32_t KERNEL(alora_measure_read)(const void *restrict data, size_t byte_count) {
  const uint8_t *p = data;
  v16i s[4] = {i_set(0), i_set(0), i_set(0), i_set(0)};
  for (size_t i = 0; i + 256 <= byte_count; i += 256)
    _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) s[j] = i_add(s[j], i_load(p + i + 64 * (size_t)j));
  uint32_t lanes[16], sum = 0;
  const v16i total = i_add(i_add(s[0], s[1]), i_add(s[2], s[3]));
  memcpy(lanes, &total, 64);
  for (int l = 0; l < 16; l++) sum += lanes[l];
  return sum;
}
