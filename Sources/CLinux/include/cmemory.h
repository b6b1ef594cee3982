#pragma once

/// Sets glibc's allocator up for a process that moves blocks of about 1 MiB between threads: they are reused rather than
/// mapped anew (a fresh mapping costs a page fault for each 4 KiB), by few arenas, and what is free is given back.
/// Call once, before threads start. Does nothing on other C libraries.
void ferry_tune_allocator(void);

/// Gives back to the system what is free anywhere in the allocator's arenas; by itself it gives back only what is free at
/// their ends, which one small block that lives on prevents. Takes milliseconds. Does nothing on other C libraries.
void ferry_give_back_memory(void);
