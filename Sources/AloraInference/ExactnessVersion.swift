internal import CAloraKernels

/// The version of the order of every sum; see `alora_kernels.h`. Numbers of different versions can't be compared.
package let exactnessVersion = Int(ALORA_EXACTNESS_VERSION)
