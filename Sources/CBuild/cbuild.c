#include "cbuild.h"

const char *ferry_commit(void) { return FERRY_COMMIT; }
