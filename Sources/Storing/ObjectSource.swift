import Glibc

/// Bytes that are to be stored, which can be read again from any place: a store sends them once more where it has to.
public struct ObjectSource: Sendable {
    /// How many there are.
    public let size: UInt64
    private let fill: @Sendable (UnsafeMutableRawBufferPointer, UInt64) throws(StoreError) -> Void

    /// Bytes in memory.
    public init(_ bytes: [UInt8]) {
        size = UInt64(bytes.count)
        fill = { buffer, offset in buffer.copyBytes(from: bytes[Int(offset)..<Int(offset) + buffer.count]) }
    }

    /// A file that does not change; it has to stay open for as long as this is used.
    ///
    /// - Throws: `.sourceFailed`.
    public init(descriptor: Int32) throws(StoreError) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .sourceFailed }
        size = UInt64(status.st_size)
        fill = { (buffer, offset) throws(StoreError) in
            var rest = buffer
            while let target = rest.baseAddress, !rest.isEmpty {
                let got = pread(descriptor, target, rest.count, off_t(offset) + off_t(buffer.count - rest.count))
                if got < 0 && errno == EINTR { continue }
                guard got > 0 else { throw .sourceFailed }
                rest = UnsafeMutableRawBufferPointer(rebasing: rest.dropFirst(got))
            }
        }
    }

    /// An object of a store, as it is now.
    ///
    /// - Throws: `StoreError`, and so does every reading of it; `.changed` where it became another one.
    public init(_ name: ObjectName, in store: any BlobStore) throws(StoreError) {
        let first = try store.piece(of: name, at: 0, count: 1, version: nil)
        self.init(size: first.size) { (buffer, offset) throws(StoreError) in
            let piece = try store.piece(of: name, at: offset, count: buffer.count, version: first.version)
            guard piece.bytes.count == buffer.count else { throw .changed }
            buffer.copyBytes(from: piece.bytes)
        }
    }

    private init(
        size: UInt64, fill: @escaping @Sendable (UnsafeMutableRawBufferPointer, UInt64) throws(StoreError) -> Void
    ) {
        self.size = size
        self.fill = fill
    }

    /// The same bytes, of which none can be read from `offset` on: a source that breaks.
    package func failing(at offset: UInt64) -> ObjectSource {
        let fill = fill
        return ObjectSource(size: size) { (buffer, start) throws(StoreError) in
            guard start + UInt64(buffer.count) <= offset else { throw .sourceFailed }
            try fill(buffer, start)
        }
    }

    /// The bytes of a range that is within the size.
    ///
    /// - Throws: `.sourceFailed`, or what the source says.
    public func bytes(_ range: Range<UInt64>) throws(StoreError) -> [UInt8] {
        precondition(range.upperBound <= size, "beyond the end")
        guard !range.isEmpty else { return [] }
        var failure: StoreError?
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            do throws(StoreError) {
                try fill(UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: range.count), range.lowerBound)
                count = range.count
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }
}
