import CSodium

// libsodium chooses its fast implementations in `sodium_init`; everything here that calls it reads `Sodium.ready` first.
enum Sodium {
    static let ready: Bool = sodium_init() >= 0

    static func start() throws(SealingError) {
        guard ready else { throw .librarySetupFailed }
    }
}

// libsodium's parameters are declared never null; for no bytes at all any address does, and none is read.
extension UnsafeRawBufferPointer {
    var octets: UnsafePointer<UInt8> {
        (baseAddress ?? UnsafeRawPointer(bitPattern: 64)!).assumingMemoryBound(to: UInt8.self)  // not zero
    }
}

extension UnsafeMutableRawBufferPointer {
    var octets: UnsafeMutablePointer<UInt8> {
        (baseAddress ?? UnsafeMutableRawPointer(bitPattern: 64)!).assumingMemoryBound(to: UInt8.self)  // not zero
    }
}

// The standard library's `withUnsafeBytes` of an array neither throws typed errors nor gives back what cannot be copied.
extension [UInt8] {
    func withBytes<R: ~Copyable, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try span.withUnsafeBytes(body)
    }
}
