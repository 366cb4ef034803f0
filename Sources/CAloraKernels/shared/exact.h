// Included first by every file that computes: no a * b + c may become an fma unless it says fma. Clang obeys the standard
// pragma, up to the end of the file; gcc ignores that one and obeys its own.
#ifndef ALORA_EXACT_H
#define ALORA_EXACT_H

#if defined(__FAST_MATH__)
#error "these kernels promise exact bits; -ffast-math breaks that promise"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#endif
