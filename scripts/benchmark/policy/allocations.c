/* Counts allocations of the whole program: glibc lets a program define malloc itself. */
#include <stddef.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static _Thread_local long made;

void *malloc(size_t size) {
  made++;
  return __libc_malloc(size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  made++;
  *out = __libc_memalign(alignment, size);
  return *out ? 0 : 12;
}

long allocations_made(void) { return made; }
