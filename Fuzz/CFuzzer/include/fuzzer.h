// What libFuzzer's runtime offers, which no header of the toolchain declares for programs with a main of their own.
// Source: LLVM's compiler-rt/lib/fuzzer/FuzzerInterface.h and its documentation, "Using libFuzzer as a library".
#ifndef ALORA_FUZZER_H
#define ALORA_FUZZER_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t byte_count));
size_t LLVMFuzzerMutate(uint8_t *data, size_t byte_count, size_t greatest_byte_count);

#endif
