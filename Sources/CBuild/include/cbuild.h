#pragma once
/// The commit that this binary was built from, as `git rev-parse HEAD` prints it, or "unknown" outside a checkout.
const char *ferry_commit(void);
