#include "cmemory.h"

#include <features.h>

#ifdef __GLIBC__
#include <malloc.h>

void ferry_tune_allocator(void) {
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
    mallopt(M_TOP_PAD, 1 << 20);
}

void ferry_give_back_memory(void) {
    malloc_trim(0);
}
#else
void ferry_tune_allocator(void) {}
void ferry_give_back_memory(void) {}
#endif
