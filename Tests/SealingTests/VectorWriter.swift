import Foundation
import Sealing

// Makes the vectors of fixtures/age, the same bytes every time: keys, shares, salts and nonces are SHA-256 of a label. Only
// a hybrid stanza cannot be made so, swift-crypto's encapsulation drawing its own randomness: one is kept, once made, in
// fixtures/age/recorded/hybrid_stanza. Each vector has one fault, and its name.
struct VectorWriter {
    private let secretBytes = Array("A TEST FILE KEY!".utf8)
    private let nonce: PayloadNonce
    private let hybridStanza: String
    private let x25519Text: String
    private let hybridText: String
    private let x25519Stanza: String
    private let hello = Array("a scan of a page, invented".utf8)

    static func seed(_ label: String) throws -> SecretBytes {
        try SecretBytes(copying: sha256(Array("strongroom vector: \(label)".utf8)).bytes)
    }

    static func bytes(_ label: String, _ count: Int) -> [UInt8] {
        Array(sha256(Array("strongroom vector: \(label)".utf8)).bytes.prefix(count))
    }

    init() throws {
        guard let nonce = PayloadNonce(VectorWriter.bytes("nonce", 16)) else { throw SealingError.outOfMemory }
        self.nonce = nonce
        let hybrid = try HybridIdentity(seed: VectorWriter.seed("hybrid identity"))
        hybridText = hybrid.exported()
        let recorded = Vector.ownFolder.appendingPathComponent("recorded/hybrid_stanza")
        if !FileManager.default.fileExists(atPath: recorded.path) {
            let key = try FileKey(SecretBytes(copying: secretBytes))
            let header = try Header.seal(key, to: [.hybrid(hybrid.recipient)])
            try Data(header.stanzas[0].bytes).write(to: recorded)
        }
        hybridStanza = try String(contentsOf: recorded, encoding: .utf8)
        let x25519 = try X25519Identity(seed: VectorWriter.seed("x25519 identity"))
        x25519Text = x25519.exported()
        x25519Stanza = try VectorWriter.text(
            x25519.recipient.stanza(
                for: FileKey(SecretBytes(copying: secretBytes)), ephemeral: VectorWriter.seed("x25519 share")))
    }

    private static func text(_ stanza: Stanza) -> String { String(decoding: stanza.bytes, as: UTF8.self) }

    private func fileKey() throws -> FileKey { try FileKey(SecretBytes(copying: secretBytes)) }

    // MARK: Pieces

    private func mac(over text: String) throws -> String {
        let key = try fileKey()
        return key.withBytes { key in
            Array(text.utf8).withUnsafeBytes {
                String(decoding: Base64.encode(Header.mac(over: $0, key)), as: UTF8.self)
            }
        }
    }

    /// A header of these stanzas' text, with the MAC that is right for it.
    private func header(_ stanzas: String..., version: String = "age-encryption.org/v1") throws -> [UInt8] {
        let text = version + "\n" + stanzas.joined() + "---"
        return Array((text + " " + (try mac(over: text)) + "\n").utf8)
    }

    private func payload(_ plaintext: [UInt8], nonce: PayloadNonce? = nil) throws -> [UInt8] {
        var out: [UInt8] = []
        var writer = try EnvelopeWriter(fileKey: fileKey(), nonce: nonce ?? self.nonce)
        try plaintext.withUnsafeBytes { try writer.write($0) { out += $0 } }
        try writer.finish { out += $0 }
        return out
    }

    /// Chunk `number` of the payload, sealed alone, last or not, whatever its length.
    private func chunk(_ number: UInt64, _ plaintext: [UInt8], last: Bool) throws -> [UInt8] {
        var out: [UInt8] = []
        var writer = try EnvelopeWriter(fileKey: fileKey(), nonce: nonce, continuingAfter: number)
        try plaintext.withUnsafeBytes { try writer.write($0) { out += $0 } }
        if last {
            try writer.finish { out += $0 }
        } else {
            // One byte more makes the chunk one that is not the last.
            precondition(plaintext.count == Envelope.chunkSize)
            try [UInt8(0)].withUnsafeBytes { try writer.write($0) { out += $0 } }
        }
        return out
    }

    /// Plaintext whose ciphertext is all zero, so that large vectors compress well.
    private func compressible(_ number: UInt64, last: Bool, count: Int = Envelope.chunkSize) throws -> [UInt8] {
        Array(try chunk(number, [UInt8](repeating: 0, count: count), last: last).prefix(count))
    }

    private func armored(_ file: [UInt8]) -> String { String(decoding: Armor.encode(file), as: UTF8.self) }

    private func x25519(_ name: String, _ expected: Outcome, payload: [UInt8]? = nil, _ file: [UInt8]) -> Vector {
        var vector = Vector(name: name, expected: expected, payload: payload, file: file)
        vector.fileKey = secretBytes
        vector.identities = [x25519Text]
        return vector
    }

    private func hybrid(_ name: String, _ expected: Outcome, payload: [UInt8]? = nil, _ file: [UInt8]) -> Vector {
        var vector = x25519(name, expected, payload: payload, file)
        vector.identities = [hybridText]
        return vector
    }

    private func scrypt(_ name: String, _ expected: Outcome, payload: [UInt8]? = nil, _ file: [UInt8]) -> Vector {
        var vector = x25519(name, expected, payload: payload, file)
        vector.identities = []
        vector.passphrases = ["correct horse"]
        return vector
    }

    private func armor(_ name: String, _ expected: Outcome, payload: [UInt8]? = nil, _ text: String) -> Vector {
        var vector = x25519(name, expected, payload: payload, Array(text.utf8))
        vector.armored = true
        return vector
    }

    // MARK: The vectors

    func vectors() throws -> [Vector] {
        try armorVectors() + headerVectors() + recipientVectors() + hybridVectors() + scryptVectors() + streamVectors()
    }

    private func armorVectors() throws -> [Vector] {
        let file = try header(x25519Stanza) + payload(hello)
        precondition(file.count % 3 != 0, "a file that needs padding")
        let text = armored(file)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let body = lines[1..<lines.count - 2].joined(separator: "\n")
        // A last line that is full: pad the plaintext until it is.
        var full = file
        var plain = hello
        while full.count % 48 != 0 {
            plain.append(UInt8(ascii: "."))
            full = try header(x25519Stanza) + payload(plain)
        }
        let fullText = armored(full)
        // Two padding characters.
        var two = file
        var twoPlain = hello
        while two.count % 3 != 1 {
            twoPlain.append(UInt8(ascii: "."))
            two = try header(x25519Stanza) + payload(twoPlain)
        }
        let begin = "-----BEGIN AGE ENCRYPTED FILE-----\n"
        let end = "-----END AGE ENCRYPTED FILE-----"
        func broken(_ index: Int, _ change: (String) -> String) -> String {
            var changed = lines
            changed[index] = change(changed[index])
            return changed.joined(separator: "\n")
        }
        return [
            armor("armor", .success, payload: hello, text),
            armor("armor_full_last_line", .success, payload: plain, fullText),
            armor("armor_crlf", .success, payload: hello, text.replacingOccurrences(of: "\n", with: "\r\n")),
            armor("armor_whitespace_around", .success, payload: hello, " \r\n\t\n" + text + "\n \t\n"),
            armor("armor_empty_last_line", .armorFailure, fullText.replacingOccurrences(of: end, with: "\n" + end)),
            armor("armor_no_padding", .armorFailure, text.replacingOccurrences(of: "=", with: "")),
            armor("armor_padding_between_lines", .armorFailure, broken(1) { $0.dropLast() + "=" }),
            armor(
                "armor_eol_between_padding", .armorFailure,
                armored(two).replacingOccurrences(of: "==", with: "=\n=")),
            armor("armor_headers", .armorFailure, begin + "Kind: scan\n\n" + body + "\n" + end + "\n"),
            armor("armor_garbage_leading", .armorFailure, "garbage\n" + text),
            armor("armor_garbage_trailing", .armorFailure, text + "garbage\n"),
            armor("armor_second_file", .armorFailure, text + text),
            armor("armor_no_end_line", .armorFailure, begin + body + "\n"),
            armor("armor_no_begin_line", .armorFailure, body + "\n" + end + "\n"),
            armor("armor_end_of_other_type", .armorFailure, begin + body + "\n-----END AGE FILE-----\n"),
            armor(
                "armor_whitespace_in_end_line", .armorFailure, begin + body + "\n----- END AGE ENCRYPTED FILE -----\n"),
            armor("armor_whitespace_line_start", .armorFailure, broken(2) { " " + $0 }),
            armor("armor_whitespace_line_end", .armorFailure, broken(2) { $0 + " " }),
            armor("armor_cr_alone", .armorFailure, text.replacingOccurrences(of: "\n", with: "\r")),
            armor("armor_invalid_character_payload", .armorFailure, broken(lines.count - 4) { "*" + $0.dropFirst() }),
            armor("armor_url_alphabet", .armorFailure, broken(2) { "-_" + $0.dropFirst(2) }),
            armor("armor_lines_of_76", .armorFailure, rewrapped(body, 76, begin, end)),
            armor("armor_short_first_line", .armorFailure, rewrapped(body, 60, begin, end)),
            armor("armor_not_canonical", .armorFailure, notCanonical(text)),
        ]
    }

    private func rewrapped(_ body: String, _ width: Int, _ begin: String, _ end: String) -> String {
        let characters = Array(body.replacingOccurrences(of: "\n", with: ""))
        let lines = stride(from: 0, to: characters.count, by: width).map {
            String(characters[$0..<min($0 + width, characters.count)])
        }
        return begin + lines.joined(separator: "\n") + "\n" + end + "\n"
    }

    /// The character before the padding, changed in bits that no byte holds.
    private func notCanonical(_ text: String) -> String {
        var characters = Array(text.utf8)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        if let padding = characters.firstIndex(of: UInt8(ascii: "=")),
            let value = alphabet.firstIndex(of: characters[padding - 1])
        {
            characters[padding - 1] = alphabet[value | 1]
        }
        return String(decoding: characters, as: UTF8.self)
    }

    private func headerVectors() throws -> [Vector] {
        let sealed = try payload(hello)
        let good = String(decoding: try header(x25519Stanza), as: UTF8.self)
        let macLine = good.range(of: "\n--- ").map { good.index(after: $0.lowerBound) } ?? good.endIndex
        let authenticated = String(good[..<macLine])
        let mac = String(good[macLine...].dropFirst(4).dropLast())
        func changed(_ tail: String) -> [UInt8] { Array((authenticated + tail).utf8) + sealed }
        let unknown = "-> strongroom-unknown argument\n" + String(repeating: "A", count: 64) + "\n\n"
        func many(_ count: Int) throws -> [UInt8] {
            try header(String(repeating: "-> unknown\n\n", count: count - 1) + x25519Stanza) + sealed
        }
        // 64 KiB and 1 byte of header, by one long argument.
        func long(_ size: Int) throws -> [UInt8] {
            let rest = try header("-> unknown \n\n", x25519Stanza).count
            return try header("-> unknown \(String(repeating: "x", count: size - rest))\n\n", x25519Stanza) + sealed
        }
        let flipped = (mac.first == "A" ? "B" : "A") + mac.dropFirst()
        return [
            x25519("hmac_bad", .hmacFailure, changed("--- \(flipped)\n")),
            x25519("hmac_missing", .headerFailure, changed("---\n")),
            x25519("hmac_trailing_space", .headerFailure, changed("--- \(mac) \n")),
            x25519("hmac_padded", .headerFailure, changed("--- \(mac)=\n")),
            x25519("hmac_no_line_end", .headerFailure, Array((authenticated + "--- \(mac)").utf8)),
            x25519(
                "version_unsupported", .headerFailure,
                try header(x25519Stanza, version: "age-encryption.org/v2") + sealed),
            x25519(
                "version_trailing_space", .headerFailure,
                try header(x25519Stanza, version: "age-encryption.org/v1 ") + sealed),
            x25519("header_leading_space", .headerFailure, [32] + (try header(x25519Stanza)) + sealed),
            x25519("header_truncated", .headerFailure, Array(good.utf8.dropLast(30))),
            x25519("header_without_stanza", .headerFailure, try header() + sealed),
            x25519("header_empty_line", .headerFailure, try header(x25519Stanza, "\n") + sealed),
            x25519("header_20_stanzas", .success, payload: hello, try many(20)),
            x25519("header_21_stanzas", .headerFailure, try many(21)),
            x25519("header_64_kib", .success, payload: hello, try long(65536)),
            x25519("header_64_kib_and_one", .headerFailure, try long(65537)),
            x25519("stanza_unknown", .success, payload: hello, try header(unknown, x25519Stanza) + sealed),
            x25519("stanza_bad_start", .headerFailure, try header("- unknown\n\n", x25519Stanza) + sealed),
            x25519("stanza_no_space", .headerFailure, try header("->unknown\n\n", x25519Stanza) + sealed),
            x25519("stanza_no_type", .headerFailure, try header("->\n\n", x25519Stanza) + sealed),
            x25519("stanza_empty_body", .success, payload: hello, try header("-> unknown\n\n", x25519Stanza) + sealed),
            x25519("stanza_two_spaces", .headerFailure, try header("-> unknown  x\n\n", x25519Stanza) + sealed),
            x25519("stanza_trailing_space", .headerFailure, try header("-> unknown \n\n", x25519Stanza) + sealed),
            x25519("stanza_tab", .headerFailure, try header("-> unknown\tx\n\n", x25519Stanza) + sealed),
            x25519("stanza_not_ascii", .headerFailure, try header("-> unknown é\n\n", x25519Stanza) + sealed),
            x25519(
                "stanza_delete_character", .headerFailure, try header("-> unknown \u{7f}\n\n", x25519Stanza) + sealed),
            x25519("stanza_spurious_cr", .headerFailure, try header("-> unknown\n\r\n", x25519Stanza) + sealed),
            x25519(
                "stanza_long_line", .headerFailure,
                try header("-> unknown\n" + String(repeating: "A", count: 68) + "\n", x25519Stanza) + sealed),
            x25519(
                "stanza_two_short_lines", .headerFailure, try header("-> unknown\nAAAA\nAAAA\n", x25519Stanza) + sealed),
            x25519("stanza_line_of_one", .headerFailure, try header("-> unknown\nA\n", x25519Stanza) + sealed),
            x25519("stanza_no_final_line", .headerFailure, try header("-> unknown\n" + x25519Stanza) + sealed),
        ]
    }

    private func recipientVectors() throws -> [Vector] {
        let sealed = try payload(hello)
        let words = x25519Stanza.split(separator: "\n").map(String.init)
        let share = words[0].split(separator: " ").map(String.init)[2]
        func low(_ hex: String) -> String {
            String(decoding: Base64.encode(Hex.decode(hex) ?? []), as: UTF8.self)
        }
        let other = try X25519Identity(seed: VectorWriter.seed("other x25519 identity"))
        let foreign = VectorWriter.text(
            try other.recipient.stanza(for: fileKey(), ephemeral: VectorWriter.seed("other share")))
        return [
            x25519("x25519", .success, payload: hello, try header(x25519Stanza) + sealed),
            x25519("x25519_second_of_two", .success, payload: hello, try header(foreign, x25519Stanza) + sealed),
            x25519("x25519_no_match", .noMatch, try header(foreign) + sealed),
            x25519(
                "x25519_lowercase", .noMatch,
                try header(x25519Stanza.replacingOccurrences(of: "X25519", with: "x25519")) + sealed),
            x25519("x25519_no_argument", .headerFailure, try header("-> X25519\n\(words[1])\n") + sealed),
            x25519("x25519_extra_argument", .headerFailure, try header("-> X25519 \(share) x\n\(words[1])\n") + sealed),
            x25519("x25519_padded_share", .headerFailure, try header("-> X25519 \(share)=\n\(words[1])\n") + sealed),
            x25519(
                "x25519_not_canonical_body", .headerFailure,
                try header("\(words[0])\n\(nextTrailing(words[1]))\n") + sealed),
            x25519("x25519_short_body", .headerFailure, try header("\(words[0])\n\(words[1].dropLast(3))\n") + sealed),
            x25519("x25519_long_body", .headerFailure, try header("\(words[0])\n\(long(words[1]))\n") + sealed),
            x25519(
                "x25519_order_one", .headerFailure,
                try header(
                    "-> X25519 \(low("0100000000000000000000000000000000000000000000000000000000000000"))\n\(words[1])\n"
                )
                    + sealed),
            x25519(
                "x25519_order_eight", .headerFailure,
                try header(
                    "-> X25519 \(low("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"))\n\(words[1])\n"
                )
                    + sealed),
            x25519("x25519_flipped_body", .noMatch, try header("\(words[0])\n\(flipFirst(words[1]))\n") + sealed),
        ]
    }

    private func hybridVectors() throws -> [Vector] {
        let sealed = try payload(hello)
        let lines = hybridStanza.split(separator: "\n").map(String.init)
        let encoded = lines[0].split(separator: " ").map(String.init)[2]
        guard let share = Base64.decode(encoded.utf8) else { throw SealingError.headerInvalid("recorded stanza") }
        func stanza(share: [UInt8]) -> String {
            "-> mlkem768x25519 \(String(decoding: Base64.encode(share), as: UTF8.self))\n\(lines[1])\n"
        }
        func withX25519Part(_ part: [UInt8]) -> String { stanza(share: share.dropLast(32) + part) }
        var flipped = share
        flipped[1100] ^= 1
        var flippedLattice = share
        flippedLattice[500] ^= 1
        let orderEight = Hex.decode("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157") ?? []
        return [
            hybrid("hybrid", .success, payload: hello, try header(hybridStanza) + sealed),
            hybrid("hybrid_and_x25519", .success, payload: hello, try header(x25519Stanza, hybridStanza) + sealed),
            hybrid("hybrid_no_match", .noMatch, try header(x25519Stanza) + sealed),
            hybrid(
                "hybrid_uppercase", .noMatch,
                try header(hybridStanza.replacingOccurrences(of: "mlkem", with: "MLKEM")) + sealed),
            hybrid("hybrid_no_argument", .headerFailure, try header("-> mlkem768x25519\n\(lines[1])\n") + sealed),
            hybrid("hybrid_extra_argument", .headerFailure, try header("\(lines[0]) x\n\(lines[1])\n") + sealed),
            hybrid(
                "hybrid_zero_share", .headerFailure,
                try header(withX25519Part([UInt8](repeating: 0, count: 32))) + sealed),
            hybrid("hybrid_order_eight", .headerFailure, try header(withX25519Part(orderEight)) + sealed),
            hybrid("hybrid_short_share", .headerFailure, try header(stanza(share: share.dropLast())) + sealed),
            hybrid("hybrid_long_share", .headerFailure, try header(stanza(share: share + [0])) + sealed),
            hybrid("hybrid_flipped_x25519_part", .noMatch, try header(stanza(share: flipped)) + sealed),
            hybrid("hybrid_flipped_mlkem_part", .noMatch, try header(stanza(share: flippedLattice)) + sealed),
            hybrid("hybrid_flipped_body", .noMatch, try header("\(lines[0])\n\(flipFirst(lines[1]))\n") + sealed),
            hybrid(
                "hybrid_not_canonical_body", .headerFailure,
                try header("\(lines[0])\n\(nextTrailing(lines[1]))\n") + sealed),
            hybrid("hybrid_long_body", .headerFailure, try header("\(lines[0])\n\(long(lines[1]))\n") + sealed),
        ]
    }

    private func scryptVectors() throws -> [Vector] {
        let sealed = try payload(hello)
        let passphrase = Passphrase(try SecretBytes(copying: Array("correct horse".utf8)))
        let key = try fileKey()
        let salt = VectorWriter.bytes("scrypt salt", 16)
        let stanza = VectorWriter.text(try passphrase.stanza(for: key, workFactor: 10, salt: salt))
        let lines = stanza.split(separator: "\n").map(String.init)
        let encoded = String(decoding: Base64.encode(salt), as: UTF8.self)
        func factor(_ text: String) throws -> [UInt8] {
            try header("-> scrypt \(encoded)\(text)\n\(lines[1])\n") + sealed
        }
        var text = scrypt("armor_scrypt", .success, payload: hello, Array(armored(try header(stanza) + sealed).utf8))
        text.armored = true
        var both = scrypt("scrypt_and_x25519", .headerFailure, try header(stanza, x25519Stanza) + sealed)
        both.identities = [x25519Text]
        return [
            scrypt("scrypt", .success, payload: hello, try header(stanza) + sealed), text, both,
            scrypt("scrypt_and_unknown", .headerFailure, try header("-> unknown\n\n", stanza) + sealed),
            scrypt(
                "scrypt_uppercase", .noMatch,
                try header(stanza.replacingOccurrences(of: "scrypt", with: "Scrypt")) + sealed),
            scrypt("scrypt_extra_argument", .headerFailure, try factor(" 10 x")),
            scrypt("scrypt_salt_missing", .headerFailure, try header("-> scrypt 10\n\(lines[1])\n") + sealed),
            scrypt(
                "scrypt_not_canonical_body", .headerFailure,
                try header("\(lines[0])\n\(nextTrailing(lines[1]))\n") + sealed),
            scrypt("scrypt_long_body", .headerFailure, try header("\(lines[0])\n\(long(lines[1]))\n") + sealed),
            scrypt("scrypt_work_factor_23", .headerFailure, try factor(" 23")),
            scrypt("scrypt_work_factor_missing", .headerFailure, try factor("")),
            scrypt("scrypt_work_factor_leading_plus", .headerFailure, try factor(" +10")),
            scrypt("scrypt_work_factor_leading_zero", .headerFailure, try factor(" 010")),
            scrypt("scrypt_work_factor_trailing_garbage", .headerFailure, try factor(" 10a")),
            scrypt("scrypt_work_factor_overflow", .headerFailure, try factor(" 18446744073709551626")),
            scrypt("scrypt_work_factor_of_another", .noMatch, try factor(" 9")),
        ]
    }

    private func streamVectors() throws -> [Vector] {
        let head = try header(x25519Stanza)
        let nonce = self.nonce.bytes
        let size = Envelope.chunkSize
        let first = try compressible(0, last: false)
        let second = try compressible(1, last: false)
        let zero = try chunk(0, first, last: false)
        let one = try chunk(1, second, last: false)
        let tail = try compressible(1, last: true, count: 10)
        let lastTail = try chunk(1, tail, last: true)
        let fullLast = try compressible(0, last: true)
        let fullLastSealed = try chunk(0, fullLast, last: true)
        func vector(_ name: String, _ expected: Outcome, _ released: [UInt8]?, _ parts: [UInt8]...) -> Vector {
            x25519(name, expected, payload: released, head + parts.flatMap { $0 })
        }
        func flipped(_ bytes: [UInt8], at index: Int) -> [UInt8] {
            var bytes = bytes
            bytes[index < 0 ? bytes.count + index : index] ^= 1
            return bytes
        }
        let other = PayloadNonce(VectorWriter.bytes("other nonce", 16)) ?? self.nonce
        let short = try chunk(0, hello, last: true)
        let thirdTail = try compressible(2, last: true, count: 10)
        let lastThird = try chunk(2, thirdTail, last: true)
        return [
            vector("stream_empty", .success, [], nonce, try chunk(0, [], last: true)),
            vector("stream_full_last_chunk", .success, fullLast, nonce, fullLastSealed),
            vector("stream_two_chunks", .success, first + tail, nonce, zero, lastTail),
            vector("stream_three_chunks", .success, first + second + thirdTail, nonce, zero, one, lastThird),
            vector("stream_no_nonce", .headerFailure, nil),
            vector("stream_short_nonce", .headerFailure, nil, Array(nonce.dropLast())),
            vector("stream_no_chunks", .payloadFailure, [], nonce),
            vector("stream_other_nonce", .payloadFailure, [], other.bytes, short),
            vector("stream_missing_tag", .payloadFailure, [], nonce, Array(short.dropLast(16))),
            vector("stream_short_tag", .payloadFailure, [], nonce, Array(short.dropLast())),
            vector("stream_bad_tag", .payloadFailure, [], nonce, flipped(short, at: -1)),
            vector("stream_flipped_bit", .payloadFailure, [], nonce, flipped(short, at: 3)),
            vector("stream_bad_tag_second_chunk", .payloadFailure, first, nonce, zero, flipped(lastTail, at: -1)),
            vector("stream_last_chunk_empty", .payloadFailure, first, nonce, zero, try chunk(1, [], last: true)),
            vector("stream_truncated_at_chunk", .payloadFailure, first, nonce, zero),
            vector("stream_truncated_at_second_chunk", .payloadFailure, first + second, nonce, zero, one),
            vector("stream_truncated_in_tag", .payloadFailure, first, nonce, zero, Array(lastTail.dropLast(11))),
            vector("stream_short_first_chunk", .payloadFailure, [], nonce, Array(zero.dropFirst(1)), lastTail),
            vector("stream_trailing_garbage_short", .payloadFailure, [], nonce, short, [UInt8](repeating: 0, count: 3)),
            vector(
                "stream_trailing_garbage_after_full_last", .payloadFailure, fullLast, nonce, fullLastSealed,
                [UInt8](repeating: 0, count: 20)),
            vector("stream_swapped_chunks", .payloadFailure, [], nonce, one, zero, lastThird),
            vector("stream_duplicated_chunk", .payloadFailure, first, nonce, zero, zero, lastThird),
            vector("stream_missing_chunk", .payloadFailure, first, nonce, zero, lastThird),
            vector("stream_missing_first_chunk", .payloadFailure, [], nonce, one, lastThird),
            vector("stream_last_flag_on_first", .payloadFailure, fullLast, nonce, fullLastSealed, lastTail),
            vector(
                "stream_no_last_flag", .payloadFailure, first, nonce, zero,
                // The short second chunk sealed as though more followed: the beginning of a full one, whose tag is missing.
                Array(one.prefix(10)) + [UInt8](repeating: 0, count: 16)),
            vector("stream_two_sizes_short", .payloadFailure, [], nonce, Array(short.prefix(min(size, 20))), short),
        ]
    }

    private func flipFirst(_ text: String) -> String { (text.first == "A" ? "B" : "A") + text.dropFirst() }

    /// The encoding of one byte more.
    private func long(_ text: String) -> String {
        String(decoding: Base64.encode((Base64.decode(text.utf8) ?? []) + [0]), as: UTF8.self)
    }

    /// The same bytes with a bit set in the last character that no byte holds.
    private func nextTrailing(_ text: String) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        guard let last = text.last, let value = alphabet.firstIndex(of: last) else { return text }
        return text.dropLast() + String(alphabet[value | 1])
    }
}
