#include <isa-l/igzip_lib.h>
#include <isa-l/crc.h>

// Swift does not import the macro, whose terms carry casts.
static const uint32_t ferry_isal_level1_buffer_size = ISAL_DEF_LVL1_DEFAULT;
