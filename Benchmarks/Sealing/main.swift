import CSodium
import Foundation
import Sealing

// Sealing and opening memory to memory, as ratios to libsodium's own chunk loop measured in the same run, the two taking
// turns so that a busy machine hurts both alike; the best of the rounds counts. Then what a page view costs: unwraps and
// rows. One line of JSON, its names with their units.
// Usage: bench-sealing MIB ROUNDS, held to one core by taskset; bench-sealing hashing, for the seconds of one password.

func seconds(_ body: () throws -> Void) rethrows -> Double {
    var start = timespec()
    var end = timespec()
    clock_gettime(CLOCK_MONOTONIC, &start)
    try body()
    clock_gettime(CLOCK_MONOTONIC, &end)
    return Double(end.tv_sec - start.tv_sec) + Double(end.tv_nsec - start.tv_nsec) / 1e9
}

func sodiumLoop(_ buffer: UnsafeMutablePointer<UInt8>, _ size: Int, _ tags: UnsafeMutablePointer<UInt8>, seal: Bool) {
    let key = [UInt8](repeating: 7, count: 32)
    for chunk in 0..<size / 65536 {
        var nonce = [UInt8](repeating: 0, count: 12)
        nonce[10] = UInt8(truncatingIfNeeded: chunk)
        nonce[9] = UInt8(truncatingIfNeeded: chunk >> 8)
        let bytes = buffer + chunk * 65536
        if seal {
            crypto_aead_chacha20poly1305_ietf_encrypt_detached(
                bytes, tags + chunk * 16, nil, bytes, 65536, nil, 0, nil, nonce, key)
        } else {
            let result = crypto_aead_chacha20poly1305_ietf_decrypt_detached(
                bytes, nil, bytes, 65536, tags + chunk * 16, nil, 0, nonce, key)
            precondition(result == 0)
        }
    }
}

/// Seconds of the password hashing that policy allows at the least, as one sign-in does it.
func hashingSeconds() throws -> Double {
    let password = try SecretBytes(copying: Array("marmalade trombone glacier".utf8))
    let secrets = try SecretBytes.random(84)
    let serverSecret = try ServerSecret.random()
    return try seconds {
        _ = try Keybox.seal(
            secrets, password: password, serverSecret: serverSecret,
            hashing: PasswordHashing(memoryBytes: 64 << 20, passes: 3), context: [])
    }
}

func measure(_ size: Int, _ rounds: Int) throws -> [String: Double] {
    precondition(sodium_init() >= 0)
    let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
    let sealedSize = Int(Envelope.payloadLength(forPlaintext: UInt64(size)))
    let sealed = UnsafeMutableRawBufferPointer.allocate(byteCount: sealedSize, alignment: 64)
    let opened = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
    let loop = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
    let tags = UnsafeMutablePointer<UInt8>.allocate(capacity: size / 65536 * 16 + 16)
    defer {
        plain.deallocate()
        sealed.deallocate()
        opened.deallocate()
        loop.deallocate()
        tags.deallocate()
    }
    for index in stride(from: 0, to: size, by: 8) {
        plain.storeBytes(of: UInt64(index), toByteOffset: index, as: UInt64.self)
    }
    loop.initialize(repeating: 3, count: size)
    opened.initializeMemory(as: UInt8.self, repeating: 0)
    sealed.initializeMemory(as: UInt8.self, repeating: 0)

    var best = [Double](repeating: .infinity, count: 5)
    let nonce = PayloadNonce.random()
    let fileKey = try FileKey.random()
    for _ in 0..<rounds {
        best[0] = min(best[0], seconds { sodiumLoop(loop, size, tags, seal: true) })
        best[1] = min(best[1], seconds { sodiumLoop(loop, size, tags, seal: false) })
        best[2] = min(
            best[2],
            try seconds {
                var writer = try EnvelopeWriter(fileKey: fileKey, nonce: nonce)
                let count = writer.write(UnsafeRawBufferPointer(plain), into: sealed)
                _ = writer.finish(into: UnsafeMutableRawBufferPointer(rebasing: sealed[count...]))
            })
        best[3] = min(
            best[3],
            try seconds {
                let reader = try EnvelopeReader(fileKey: fileKey, nonce: nonce, payloadLength: UInt64(sealedSize))
                _ = try reader.open(
                    chunks: 0..<reader.chunkCount, ciphertext: UnsafeRawBufferPointer(rebasing: sealed[16...]),
                    into: opened)
            })
        best[4] = min(
            best[4],
            try seconds {
                var writer = try EnvelopeWriter(fileKey: fileKey, nonce: nonce)
                var total = 0
                try writer.write(UnsafeRawBufferPointer(plain)) { total += $0.count }
                try writer.finish { total += $0.count }
            })
    }
    precondition(plain.elementsEqual(opened))
    let gigabytes = Double(size) / 1e9
    var figures: [String: Double] = [:]
    let names = ["libsodium seal", "libsodium open", "seal", "open", "seal to a sink"]
    for (name, best) in zip(names, best) { figures["\(name) GB/s"] = gigabytes / best }

    let identity = try HybridIdentity.generate()
    let secret = try SecretBytes.random(32)
    let context = [UInt8](repeating: 1, count: 60)
    var wraps: [[UInt8]] = []
    let wrapping = try seconds {
        for _ in 0..<500 { wraps.append(try Wrap.seal(secret, context: context, to: identity.recipient)) }
    }
    let apart = try seconds {
        for wrap in wraps { _ = try Wrap.open(wrap, secretCount: 32, context: context, with: identity) }
    }
    let together = try seconds {
        try identity.withOpener { opener in
            for wrap in wraps { _ = try Wrap.open(wrap, secretCount: 32, context: context, with: opener) }
        }
    }
    let block = try seconds {
        let keys: KeyBlock<DetailPurpose> = try Wrap.openAll(wraps.map { ($0, context) }, with: identity)
        precondition(keys.count == 500)
    }
    figures["500 wraps sealed ms"] = wrapping * 1e3
    figures["500 wraps opened one by one ms"] = apart * 1e3
    figures["500 wraps opened with one opener ms"] = together * 1e3
    figures["500 wraps opened into one block ms"] = block * 1e3

    let detail = try DetailKey.random()
    let body = [UInt8](repeating: 5, count: 1000)
    let data = [UInt8](repeating: 2, count: 80)
    var rows: [(id: [UInt8], sealed: [UInt8])] = []
    let rowSealing = try seconds {
        for _ in 0..<10_000 {
            let id = Randomness.bytes(16)
            rows.append((id, try SealedRow.seal(body, key: detail, row: id, associatedData: data)))
        }
    }
    var rowOpening = Double.infinity
    for _ in 0..<3 {
        rowOpening = min(
            rowOpening,
            try seconds {
                for row in rows { _ = try SealedRow.open(row.sealed, key: detail, row: row.id, associatedData: data) }
            })
    }
    let key = [UInt8](repeating: 7, count: 32)
    var out = [UInt8](repeating: 0, count: 1040)
    var sink: UInt64 = 0
    let plainLoop = seconds {
        for row in rows {
            crypto_aead_xchacha20poly1305_ietf_encrypt(
                &out, &sink, body, 1000, data, UInt64(data.count), nil, row.sealed, key)
        }
    }
    figures["10000 rows of 1 KB sealed ms"] = rowSealing * 1e3
    figures["10000 rows of 1 KB opened ms"] = rowOpening * 1e3
    figures["10000 rows of 1 KB libsodium ms"] = plainLoop * 1e3
    return figures
}

let arguments = CommandLine.arguments.dropFirst()
if arguments.elementsEqual(["hashing"]) {
    print(try hashingSeconds())
} else if arguments.count == 2, let mebibytes = Int(arguments[1]), let rounds = Int(arguments[2]) {
    print(String(decoding: try JSONEncoder().encode(measure(mebibytes << 20, rounds)), as: UTF8.self))
} else {
    FileHandle.standardError.write(Data("usage: bench-sealing MIB ROUNDS | hashing\n".utf8))
    exit(64)
}
