import Foundation
import Glibc
import Packing
import Records

/// `strongroom verify --pack`: what a pack's check came to, said to people or to programs.
struct PackVerification {
    private let found: PackCheck

    /// Checks the ZIP file; says what is wrong and ends the program where there is none to read.
    init(path: String) throws {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        let facts = try? FileManager.default.attributesOfItem(atPath: path)
        guard descriptor >= 0, facts?[.type] as? FileAttributeType == .typeRegular,
            let size = UInt64(exactly: lseek(descriptor, 0, SEEK_END))
        else {
            Terminal.explain(
                Refusal(
                    code: "pack.unreadable", message: "\(path) is no file that can be read.",
                    hint:
                        "--pack takes the ZIP file as it was issued. In a folder that a pack was unpacked to, run check.py."
                ))
            throw Stop(code: 1)
        }
        do {
            found = try PackCheck(byteCount: size) { offset, buffer in
                try Self.fill(buffer, from: descriptor, at: offset)
            }
        } catch is Unreadable {
            Terminal.explain(
                Refusal(
                    code: "pack.unreadable", message: "\(path) could not be read to its end.",
                    hint: "Copy it again from where it was issued."))
            throw Stop(code: 1)
        }
    }

    private struct Unreadable: Error {}

    private static func fill(_ buffer: UnsafeMutableRawBufferPointer, from descriptor: Int32, at offset: UInt64) throws
    {
        var done = 0
        while done < buffer.count {
            let count = pread(
                descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done, off_t(offset) + off_t(done))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Unreadable() }
            done += count
        }
    }

    private struct Answer: Encodable {
        struct One: Encodable {
            let code, file, message: String
        }
        let holds: Bool
        let reference, vault, vaultWords, checkpointKey, given: String?
        let files, exhibits, statements: Int
        let findings: [One]
    }

    /// Says it, and ends with exit code 4 where something was found.
    func report(json: Bool) throws {
        if json {
            try Terminal.json(
                Answer(
                    holds: found.holds, reference: found.reference, vault: found.vault?.text,
                    vaultWords: found.vaultWords?.joined(separator: " "), checkpointKey: found.checkpointKeyFingerprint,
                    given: found.given?.iso8601, files: found.files, exhibits: found.exhibits,
                    statements: found.statements,
                    findings: found.findings.map {
                        .init(code: $0.fault.rawValue, file: $0.file, message: $0.message)
                    }))
        } else {
            sayAll()
        }
        if !found.holds { throw Stop.found }
    }

    private func sayAll() {
        for finding in found.findings {
            Terminal.say("broken: \(finding.fault.rawValue): \(finding.file): \(finding.message)")
        }
        if let words = found.vaultWords, let fingerprint = found.checkpointKeyFingerprint {
            Terminal.say("The vault's words, as on the school's recovery sheets: \(words.joined(separator: " "))")
            Terminal.say("Its checkpoint key's fingerprint: \(fingerprint)")
        }
        guard found.holds, let reference = found.reference, let given = found.given else {
            return Terminal.say(
                "The pack is not what was issued. Keep it as it is, and ask the school to issue it again.")
        }
        Terminal.say(
            "All is well: permission \(reference) of \(given.iso8601), \(found.exhibits) exhibits, "
                + "\(found.statements) statements and \(found.files) files hold.")
        Terminal.say(
            "That is so if the words above are those of the school. It does not say that a paper is true, or that there is "
                + "no other.")
    }
}
