"""An archive in the form that Linux takes for an initramfs (cpio, `newc`). The kernel takes several, one after another."""


def archive(entries):
    """`entries`: path -> (mode, bytes) for a file, None for a directory."""
    out = bytearray()
    for number, (name, entry) in enumerate([*entries.items(), ("TRAILER!!!", (0, b""))], start=1):
        mode, data = (0o040755, b"") if entry is None else (0o100000 | entry[0], entry[1])
        path = name.encode() + b"\0"
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0]
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + path
        out += bytes(-len(out) % 4)
        out += data
        out += bytes(-len(out) % 4)
    return bytes(out)
