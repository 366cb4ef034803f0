// On Linux, Swift reads the arguments from /proc/self/cmdline. A chroot or a container may have no /proc, and then Swift
// has none and says nothing. glibc and dyld give every initializer the arguments of main, so this one keeps them. musl
// doesn't; there the count stays 0.
#include "alora_arguments.h"

// Defines __GLIBC__ where it is.
#include <stdlib.h>

static int argumentCount = 0;
static char *const *argumentValues = NULL;

#if defined(__APPLE__) || defined(__GLIBC__)
__attribute__((constructor)) static void keepArguments(int count, char *const *values) {
  argumentCount = count;
  argumentValues = values;
}
#endif

int alora_argument_count(void) { return argumentCount; }

const char *alora_argument(int index) {
  return index >= 0 && index < argumentCount ? argumentValues[index] : NULL;
}
