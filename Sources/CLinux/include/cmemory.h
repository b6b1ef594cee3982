#pragma once

/// Sets glibc's allocator up for a process that moves blocks of about 1 MiB between threads: they are reused rather than
/// mapped anew (a fresh mapping costs a page fault for each 4 KiB), by few arenas, and what is free is given back.
/// Call once, before threads start. Does nothing on other C libraries.
void ferry_tune_allocator(void);
