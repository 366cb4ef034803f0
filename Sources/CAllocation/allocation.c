// What the command does when no memory is left: one line and exit code 4, as with every other failure of the system.
//
// Swift's own answer is a trap with a list of addresses, wherever an array or an object is made; json-c's is to leave out
// what it could not allocate. So the command's binary has its own malloc, which the dynamic linker prefers for all
// libraries too. It is glibc's, but does not return without memory. The process ends at once: what AtomicFile writes
// is then as after a kill, the old file or the new one.
#include "alora_allocation.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define ALORA_SANITIZED 1
#endif
#endif

// Defines __GLIBC__ on glibc.
#include <stdlib.h>

#if defined(__linux__) && defined(__GLIBC__) && !defined(ALORA_SANITIZED)
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

// glibc's exported names of its functions, for just this.
extern void *__libc_malloc(size_t byteCount);
extern void *__libc_calloc(size_t count, size_t byteCount);
extern void *__libc_realloc(void *old, size_t byteCount);
extern void *__libc_memalign(size_t alignment, size_t byteCount);

static const int inputOutputFailed = 4;

// Takes no memory itself.
static _Noreturn void endWithout(size_t byteCount) {
  static atomic_flag isSaid = ATOMIC_FLAG_INIT;
  // Of several threads, one speaks; it ends the others.
  while (atomic_flag_test_and_set(&isSaid)) pause();
  static const char head[] = "alora: not enough memory: ";
  static const char tail[] = " more bytes were refused; raise the limit (ulimit -v) or free some\n";
  char line[sizeof head + sizeof tail + 20], digits[20];
  size_t length = sizeof head - 1, digitCount = 0;
  memcpy(line, head, length);
  do digits[digitCount++] = (char)('0' + byteCount % 10);
  while ((byteCount /= 10) > 0);
  while (digitCount > 0) line[length++] = digits[--digitCount];
  memcpy(line + length, tail, sizeof tail - 1);
  length += sizeof tail - 1;
  ssize_t wrote = write(STDERR_FILENO, line, length);
  (void)wrote;
  _exit(inputOutputFailed);
}

void *malloc(size_t byteCount) {
  void *memory = __libc_malloc(byteCount);
  if (!memory) endWithout(byteCount);
  return memory;
}

void *calloc(size_t count, size_t byteCount) {
  void *memory = __libc_calloc(count, byteCount);
  if (!memory) endWithout(byteCount > 0 && count > SIZE_MAX / byteCount ? SIZE_MAX : count * byteCount);
  return memory;
}

void *realloc(void *old, size_t byteCount) {
  void *memory = __libc_realloc(old, byteCount);
  // A size of 0 frees the memory; NULL is not a failure then.
  if (!memory && byteCount > 0) endWithout(byteCount);
  return memory;
}

void *aligned_alloc(size_t alignment, size_t byteCount) {
  void *memory = __libc_memalign(alignment, byteCount);
  if (!memory) endWithout(byteCount);
  return memory;
}

int posix_memalign(void **memory, size_t alignment, size_t byteCount) {
  if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
  *memory = aligned_alloc(alignment, byteCount);
  return 0;
}
#endif
