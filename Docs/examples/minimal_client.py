#!/usr/bin/env python3
"""A whole client of the Ferry protocol in Python's standard library: pushes and pulls one file.

    minimal_client.py LINK push FILE SHARE/PATH
    minimal_client.py LINK pull SHARE/PATH FILE

LINK is the login link that `ferryd user add` printed, or `-` to read it from standard input, where other users of the
machine do not see it. Docs/protocol.md explains every number below.
"""
import collections, hashlib, os, socket, ssl, struct, sys, urllib.parse, zlib

HELLO, WELCOME, FAILURE, KEEP_ALIVE, PUSH, PULL = 1, 2, 3, 4, 8, 9
READY, FINISHED, NAMES, WANTS, BLOCK, CREDIT, END = 16, 18, 24, 25, 26, 27, 28
HEADER_LIMIT, PAYLOAD_LIMIT, BLOCK_WINDOW, NAME_WINDOW = 64 << 10, 1 << 20, 4 << 20, 4096
CHUNK = 256 << 10  # Any cut points are legal; equal lengths are the simplest.
KEEP_ALIVE_SECONDS = 15


# Protobuf, as far as it is needed.
def varint(number):
    low = number & 127
    return bytes([low]) if number < 128 else bytes([low | 128]) + varint(number >> 7)


def message(*fields):
    """Encodes (number, value) pairs; a value is an int or bytes."""
    encoded = b""
    for number, value in fields:
        if isinstance(value, int):
            encoded += varint(number << 3) + varint(value)
        else:
            encoded += varint(number << 3 | 2) + varint(len(value)) + value
    return encoded


def take_varint(data, at):
    if data[at] < 128:
        return data[at], at + 1
    high, end = take_varint(data, at + 1)
    return high << 7 | data[at] & 127, end


def parse(data):
    """Decodes a message to {number: int or bytes}."""
    fields, at = {}, 0
    while at < len(data):
        tag, at = take_varint(data, at)
        value, at = take_varint(data, at)  # Of wire type 0 it is the value, of type 2 the length.
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        fields[tag >> 3] = value
    return fields


def chunks(ids, lengths):
    """Decodes the two parallel lists of Names and Block to [(id, length)]."""
    found, at = [], 0
    for start in range(0, len(ids), 32):
        length, at = take_varint(lengths, at)
        found.append((ids[start:start + 32], length))
    return found


class Connection:
    """TLS 1.3 with the daemon's certificate pinned, and frames on it."""

    def __init__(self, link):
        link = urllib.parse.urlsplit(link)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # The pin takes their place.
        self.tls = context.wrap_socket(socket.create_connection((link.hostname, link.port), KEEP_ALIVE_SECONDS))
        pin = hashlib.sha256(self.tls.getpeercert(binary_form=True)).hexdigest()
        if link.query.lower() != "pin=sha256:" + pin:
            sys.exit("the daemon shows a certificate that is not the pinned one")
        limits = message((1, HEADER_LIMIT), (2, PAYLOAD_LIMIT), (3, BLOCK_WINDOW), (4, NAME_WINDOW))
        magic = varint(1 << 3 | 5) + struct.pack("<I", 0x46657279)
        hello = message((2, 1), (4, limits), (5, link.password.encode()), (6, b"minimal_client.py"))
        self.send(HELLO, magic + hello)
        limits = parse(self.receive(WELCOME)[1][3])
        self.block_window, self.name_window = limits[3], min(limits[4], 64)  # 64 names keep a link busy.

    def send(self, kind, body=b"", payload=b""):
        header = message((kind, body))
        self.tls.sendall(struct.pack(">II", len(header), len(payload)) + header + payload)

    def read(self, count):
        data = bytearray()
        while len(data) < count:
            try:
                piece = self.tls.recv(count - len(data))
            except TimeoutError:  # The daemon is busy, and must hear that we live.
                self.send(KEEP_ALIVE)
                continue
            if not piece:
                sys.exit("the daemon closed the connection")
            data += piece
        return bytes(data)

    def receive(self, *allowed):
        """Returns the next frame's kind, fields and payload."""
        kind = KEEP_ALIVE
        while kind == KEEP_ALIVE:
            lengths = struct.unpack(">II", self.read(8))
            if lengths[0] > HEADER_LIMIT or lengths[1] > PAYLOAD_LIMIT:
                sys.exit("a frame is longer than the limits allow")
            ((kind, body),) = parse(self.read(lengths[0])).items()
            fields, payload = parse(body), self.read(lengths[1])
        if kind == FAILURE:
            sys.exit("; ".join(text.decode() for _, text in sorted(fields.items())))
        if kind not in allowed:
            sys.exit(f"message {kind} came where {allowed} could")
        return kind, fields, payload


def push(connection, path, target):
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        seconds, nanoseconds = divmod(status.st_mtime_ns, 10**9)
        metadata = message((1, status.st_mode & 0o777), (2, seconds << 1 ^ seconds >> 63), (3, nanoseconds))
        connection.send(PUSH, message((1, target.encode()), (2, metadata), (3, status.st_size), (4, 1)))
        connection.receive(READY)
        undecided, wanted = collections.deque(), collections.deque()  # (id, offset, length)
        offset, in_flight, digest, kind, is_ended = 0, 0, hashlib.sha256(), READY, False
        while kind != FINISHED:
            # Name what comes next, while the window for names is open.
            while offset < status.st_size and len(undecided) + len(wanted) < connection.name_window:
                data = os.pread(file.fileno(), CHUNK, offset)
                name = hashlib.sha256(data).digest()
                connection.send(NAMES, message((1, name), (2, varint(len(data)))))
                digest.update(name + struct.pack(">I", len(data)))
                undecided.append((name, offset, len(data)))
                offset += len(data)
            # Send what is wanted, while the window for blocks is open.
            while wanted and (in_flight == 0 or in_flight + wanted[0][2] <= connection.block_window):
                name, start, length = wanted.popleft()
                raw = os.pread(file.fileno(), length, start)
                compressed = zlib.compress(raw, 1)
                codec, payload = (1, compressed) if len(compressed) < len(raw) else (0, raw)
                connection.send(BLOCK, message((1, codec), (2, name), (3, varint(length))), payload)
                in_flight += len(payload)
            if offset == status.st_size and not (undecided or wanted or is_ended):
                connection.send(END, message((1, digest.digest()), (2, offset)))
                is_ended = True
            kind, fields, _ = connection.receive(WANTS, CREDIT, FINISHED)
            if kind == CREDIT:
                in_flight -= fields[1]
            elif kind == WANTS:
                ids = fields.get(2, b"")
                for chunk in [undecided.popleft() for _ in range(fields[1])]:
                    if ids[:32] == chunk[0]:
                        wanted.append(chunk)
                        ids = ids[32:]
        if fields[1] != digest.digest():
            sys.exit("the digests differ")


def pull(connection, source, path):
    connection.send(PULL, message((1, source.encode())))
    metadata = parse(connection.receive(READY)[1][1])
    with open(path + ".part", "wb") as file:
        digest, wanted, kind = hashlib.sha256(), collections.deque(), READY
        while kind != END:
            kind, fields, payload = connection.receive(NAMES, BLOCK, END)
            if kind == NAMES:  # All of them are wanted, so that the blocks come in the order of the file.
                for name, length in chunks(fields[1], fields[2]):
                    digest.update(name + struct.pack(">I", length))
                    wanted.append((name, length))
                connection.send(WANTS, message((1, len(fields[1]) // 32), (2, fields[1])))
            elif kind == BLOCK:
                data = zlib.decompressobj().decompress(payload, PAYLOAD_LIMIT) if fields.get(1) == 1 else payload
                for name, length in chunks(fields[2], fields[3]):
                    if wanted.popleft() != (name, length) or hashlib.sha256(data[:length]).digest() != name:
                        sys.exit("a chunk was not wanted, or does not hash to its name")
                    file.write(data[:length])
                    data = data[length:]
                connection.send(CREDIT, message((1, len(payload))))
        if wanted or (fields[1], fields.get(2, 0)) != (digest.digest(), file.tell()):
            sys.exit("the digests or sizes differ")
        os.fchmod(file.fileno(), metadata.get(1, 0) & 0o777)
        file.flush()
        os.fsync(file.fileno())
    seconds = metadata.get(2, 0)
    os.utime(file.name, ns=(((seconds >> 1) ^ -(seconds & 1)) * 10**9 + metadata.get(3, 0),) * 2)
    os.replace(file.name, path)
    connection.send(FINISHED, message((1, digest.digest()), (2, os.path.getsize(path))))


def main():
    if len(sys.argv) != 5 or sys.argv[2] not in ("push", "pull"):
        sys.exit(__doc__)
    try:
        connection = Connection(sys.stdin.readline().strip() if sys.argv[1] == "-" else sys.argv[1])
        (push if sys.argv[2] == "push" else pull)(connection, *sys.argv[3:])
        connection.tls.unwrap().close()
    except (OSError, ValueError, LookupError, zlib.error) as error:
        sys.exit(f"minimal_client.py: {error}")


main()
