import ArgumentParser
import Custody
import Foundation
import Glibc
import Papers
import Records
import Web

/// `strongroom chronology`
struct ChronologyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chronology", abstract: "A pupil's chronology. A recorded act.")
    @OptionGroup var acting: ActingOptions
    @Option(help: "The pupil's reference.")
    var pupil: String
    @Flag(help: "Show every reading and refusal too.")
    var everything = false
    @Flag(help: "Show significant events alone.")
    var significant = false
    @Flag(help: "The newest entry first.")
    var newestFirst = false
    @Option(help: "Print it to this file, as a PDF; must not exist.")
    var pdf: String?
    @Flag(help: "Answer as JSON, a line an entry.")
    var json = false

    struct Answer: Encodable {
        let index: UInt64
        let kind, occurred, recorded, author, summary: String
        let time, received: String?
        let document: String?
        /// Of an entry without a file: its id and kind, and the places of what it corrects and of what corrects it.
        let entry, entryKind: String?
        let corrects: UInt64?
        let corrections: [UInt64]?
        let quarantine: String?
        let fields: [String: String]?
    }

    private var lane: ChronologyLane { significant ? .significant : everything ? .everything : .records }

    func validate() throws {
        if significant && everything { throw ValidationError("Use --significant or --everything, not both.") }
    }

    func run() throws {
        if let pdf { return try write(to: pdf) }
        let chronology = try acting.acting { vault, acting in
            try vault.chronology(
                of: try vault.pupil(reference: pupil, as: acting).pupilFile, lane: lane, newestFirst: newestFirst,
                count: .max, as: acting)
        }
        if !json {
            let order = newestFirst ? "newest first" : "oldest first"
            Terminal.say("\(chronology.pupil.reference): \(chronology.total) entries, \(order)")
        }
        for entry in chronology.entries { try show(entry, json: json) }
    }

    private struct Printed: Encodable {
        let print, recorded: String
        let index: UInt64
        let lines, pages: Int
    }

    /// Prints it: recorded before anything of it is opened.
    private func write(to output: String) throws {
        let printed = try acting.acting { vault, acting in
            try writeWhole(to: output) { handle in
                var choice = ChronologyChoice()
                (choice.lane, choice.newestFirst) = (lane, newestFirst)
                let print = try vault.printChronology(
                    of: try vault.pupil(reference: pupil, as: acting).pupilFile, choosing: choice, as: .pdf,
                    atMost: vault.policies.limits.printLines, by: acting)
                let paper = try ChronologyPrinter(vault: vault).pdf(of: print, by: acting) { lines in
                    Terminal.progress(lines, of: print.count, "lines")
                    return true
                }
                try paper.withBytes { bytes in Result { try handle.write(bytes) } }.get()
                return Printed(
                    print: print.id.text, recorded: print.recorded.iso8601, index: print.index, lines: print.count,
                    pages: paper.pages)
            }
        }
        if json {
            try Terminal.json(printed)
        } else {
            Terminal.say("Written to \(output): \(printed.lines) lines on \(printed.pages) pages.")
            Terminal.say("That it was printed is recorded, as statement \(printed.index).")
        }
    }
}

/// Makes a file of somebody's own that must not exist yet. It has its name only when it is whole and on the disk: truncated
/// must not look finished, however this ends.
func writeWhole<Result>(to output: String, _ body: (FileHandle) throws -> Result) throws -> Result {
    let part = output + ".part"
    let descriptor = Glibc.open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0, access(output, F_OK) != 0 else {
        if descriptor >= 0 { unlink(part) }
        throw ValidationError("\(output) cannot be made: it exists, or its folder cannot be written.")
    }
    defer { unlink(part) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    let result = try body(handle)
    try handle.synchronize()
    guard link(part, output) == 0 else {
        throw ValidationError("\(output) cannot be made: it exists, or its folder cannot be written.")
    }
    return result
}

extension FileHandle {
    func write(_ bytes: UnsafeRawBufferPointer) throws {
        guard let base = UnsafeMutableRawPointer(mutating: bytes.baseAddress) else { return }
        // Not a copy: it is only read, and only in this call.
        try write(contentsOf: Data(bytesNoCopy: base, count: bytes.count, deallocator: .none))
    }
}

func show(_ entry: ChronologyEntry, json: Bool) throws {
    if json {
        try Terminal.json(
            ChronologyCommand.Answer(
                index: entry.index, kind: entry.kind, occurred: entry.occurred, recorded: entry.recorded.iso8601,
                author: entry.author, summary: entry.summary, time: entry.made?[.time], received: entry.received,
                document: entry.document?.id.text, entry: entry.made?.id.text, entryKind: entry.made?.kind.rawValue,
                corrects: entry.made?.correctsIndex,
                corrections: entry.corrections.isEmpty ? nil : entry.corrections.map(\.index),
                quarantine: entry.document?.quarantine, fields: entry.document?.fields ?? entry.made?.fields))
    } else {
        let time = entry.made.map { $0[.time].isEmpty ? "" : " " + $0[.time] } ?? ""
        Terminal.say("\(entry.occurred)\(time)  \(entry.title): \(entry.summary)")
        Terminal.say(
            "    recorded \(entry.recorded.iso8601) by \(entry.author), statement \(entry.index)"
                + (entry.document.map { ", document \($0.id.text)" } ?? "")
                + (entry.made.map { ", entry \($0.id.text)" } ?? "")
                + (entry.made?.correctsIndex.map { ", corrects statement \($0)" } ?? ""))
        for correction in entry.corrections {
            Terminal.say("    corrected by statement \(correction.index): \(correction.summary)")
        }
    }
}

/// `strongroom restricted list`
struct RestrictedList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "The restricted documents that your key opens: what concerns a member of staff. A recorded act.")
    @OptionGroup var acting: ActingOptions
    @Flag(help: "Answer as JSON, a line a document.")
    var json = false

    private struct Answer: Encodable {
        let document, pupil, recorded, concerns, summary: String
        let keepers: [String]
        let recoverable: Bool
        /// When and by whom it was moved out of the pupil's file, who could read it before, and who had opened it.
        let moved: Moved?
        let fields: [String: String]
    }
    private struct Moved: Encodable {
        let document, by, at: String
        let readers, opened: [String]
        let recoverable: Bool
    }

    func run() throws {
        let documents = try acting.acting { vault, acting in try vault.restrictedDocuments(as: acting) }
        if !json { Terminal.say("Restricted documents that you can open, newest first: \(documents.count)") }
        for document in documents {
            guard let restricted = document.restricted else { continue }
            if json {
                try Terminal.json(
                    Answer(
                        document: document.id.text, pupil: restricted.pupil.reference,
                        recorded: document.recorded.iso8601, concerns: restricted.about, summary: document.summary,
                        keepers: restricted.keepers, recoverable: restricted.isRecoverable,
                        moved: restricted.moved.map {
                            Moved(
                                document: $0.document.text, by: $0.by, at: $0.at.iso8601, readers: $0.readers,
                                opened: $0.opened, recoverable: $0.wasRecoverable)
                        }, fields: document.fields))
            } else {
                Terminal.say("\(document.recorded.iso8601)  \(document.summary)")
                Terminal.say(
                    "    pupil \(restricted.pupil.reference), concerns \(restricted.about), document \(document.id.text)"
                )
                if let moved = restricted.moved {
                    Terminal.say("    moved here by \(moved.by) at \(moved.at.iso8601)")
                }
            }
        }
    }
}

/// `strongroom open`
struct Open: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take a copy of a document, as it was filed or sealed to an age recipient. A recorded act.")
    @Argument(help: "The document's id.")
    var document: String
    @OptionGroup var acting: ActingOptions
    @Option(name: .shortAndLong, help: "Where to write it; must not exist.")
    var output: String
    @Option(help: "Seal it to this age recipient instead of writing it in clear.")
    var to: String?

    func run() throws {
        guard let id = DocumentID(text: document.lowercased()) else { throw VaultError.notFound }
        try acting.acting { vault, acting in
            let reading = try writeWhole(to: output) { handle in
                let reading = try vault.openDocument(id, manner: to == nil ? .download : .sealedDownload, as: acting)
                if let to {
                    try reading.ageFile(for: to) { try handle.write($0) }
                } else {
                    try reading.read { try handle.write($0) }
                }
                return reading
            }
            reading.close(complete: true)
        }
        Terminal.say("Written to \(output). The copy is recorded in the chronology.")
    }
}

/// `strongroom verify`
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check every statement, signature, commitment, projection and payload. Needs no password.",
        discussion: """
            A vault alone shows that it is whole in itself. Who holds its checkpoint key can write all of it anew; that shows beside a \
            checkpoint that they could not reach. --since takes one: a note's file, a receipt's text, what a sheet's code says or \
            its three lines as typed off. It may be repeated; - is standard input.
            With --backup it checks a backup in a store (s3://BUCKET/PREFIX): each payload is read from there, and nothing is \
            restored. With --pack it checks a pack, and needs no vault: the ZIP file as it was issued. In a folder that a pack \
            was unpacked to, run its check.py.
            """)
    @OptionGroup var vault: VaultOptions
    @Option(help: "Check this pack, a ZIP file, instead of a vault.")
    var pack: String?
    @Option(help: "Check this backup in a store, s3://BUCKET/PREFIX, instead of a vault.")
    var backup: String?
    @OptionGroup var store: StoreOptions
    @Option(help: "A file with a checkpoint that you hold: the ledger has to go on from it.")
    var since: [String] = []
    @Flag(help: "Answer as JSON.")
    var json = false

    func validate() throws {
        guard pack == nil || backup == nil else { throw ValidationError("Name --pack or --backup, not both.") }
    }

    func run() throws {
        if let pack { return try PackVerification(path: pack).report(json: json) }
        if let backup {
            let secrets = try? vault.location.secrets
            return try Vault.verify(backupIn: store.open(backup, secrets: secrets), secrets: secrets) { done, total in
                Terminal.progress(done, of: total, "payloads")
            }.report(
                json: json, well: "All is well",
                broken:
                    "The backup is not what its ledger says. Take another one elsewhere, and tell the safeguarding lead."
            )
        }
        let texts = try since.map { try Terminal.read($0, most: 1_000_000) }
        try Vault.verify(vault.location, since: texts) { done, total in
            Terminal.progress(done, of: total, "payloads")
        }.report(
            json: json, well: "All is well",
            broken: "The vault is not what its ledger says. Keep it as it is, and tell the safeguarding lead.")
    }
}
