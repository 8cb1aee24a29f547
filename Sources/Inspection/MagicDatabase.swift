import CMagic

/// Why libmagic could not be used.
public enum InspectionError: Error, Equatable, Sendable {
    /// libmagic's database cannot be loaded.
    case magicUnavailable
}

/// libmagic with its database loaded: what a file is called by its first bytes.
///
/// One for a thread: libmagic's handle is not shared.
public final class MagicDatabase {
    private let handle: magic_t

    /// Loads the system's database; takes a few milliseconds.
    public init() throws(InspectionError) {
        let flags =
            MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_CSV | MAGIC_NO_CHECK_JSON
        guard let handle = magic_open(flags) else { throw .magicUnavailable }
        guard magic_load(handle, nil) == 0 else {
            magic_close(handle)
            throw .magicUnavailable
        }
        self.handle = handle
    }

    deinit { magic_close(handle) }

    /// What libmagic calls bytes, such as `application/pdf`. Looks at the first mebibyte only.
    func mediaType(of bytes: UnsafeRawBufferPointer) -> String {
        let head = UnsafeRawBufferPointer(rebasing: bytes.prefix(1 << 20))
        guard let base = head.baseAddress, let name = magic_buffer(handle, base, head.count) else { return "" }
        return String(cString: name)
    }
}
