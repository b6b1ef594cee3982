#pragma once

/// Sends `message` to the service manager's datagram socket, as sd_notify(3) documents the protocol. `path` is the value
/// of NOTIFY_SOCKET; one that begins with '@' names an abstract socket. Returns 0, or the errno of what failed.
int ferry_notify(const char *path, const char *message);
