import Foundation
import Glibc
import Ledger
import Packing
import Records
import Sealing

// A pack of a folder's files, from them to one file. A ledger that files them all and gives the permission is made first,
// in memory, and the files are hashed, as a vault did long before a pack is issued. One line of JSON: seconds of laying the
// pack out, of writing it, and of checking it; its bytes; the process's largest resident set.
// Usage: bench-pack FOLDER OUTPUT

func seconds(_ body: () throws -> Void) rethrows -> Double {
    var start = timespec()
    var end = timespec()
    clock_gettime(CLOCK_MONOTONIC, &start)
    try body()
    clock_gettime(CLOCK_MONOTONIC, &end)
    return Double(end.tv_sec - start.tv_sec) + Double(end.tv_nsec - start.tv_nsec) / 1e9
}

/// Lends a file's bytes in pieces of at most 256 KiB.
func pieces(of path: String, to body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    precondition(descriptor >= 0, "cannot open \(path)")
    defer { close(descriptor) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    defer { buffer.deallocate() }
    while true {
        let count = read(descriptor, buffer.baseAddress, buffer.count)
        precondition(count >= 0)
        if count == 0 { return }
        try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
}

/// A ledger of one author.
struct BenchLedger {
    let vault = VaultID.random()
    let lead = PersonID.random().text
    let seed = Randomness.bytes(32)
    let key: [UInt8]
    var leaves: [[UInt8]] = []
    var tree = MerkleTree()
    var nodes: [NodePosition: Digest] = [:]

    init() throws {
        key = try SigningKey(seed: SecretBytes(copying: seed)).verifyingKey.rawRepresentation
        let identity = IdentityID.random().text
        let text = CanonicalValue.string(Base64.encode(key))
        let recipient: CanonicalValue = [
            "id": .string(identity), "kind": "recipient", "sha256": .string(sha256(key).base64),
        ]
        try say(
            "vault.founded",
            [
                "vault": .string(vault.text), "origin": .string(origin), "checkpoint_key": text, "service_key": text,
                "founder": ["person": .string(lead), "identity": .string(identity), "verifying_key": text],
            ], ["items": .array([recipient])])
    }

    var origin: String { "strongroom.invalid/\(vault.text)" }

    mutating func say(_ kind: String, _ act: CanonicalValue, _ more: [String: CanonicalValue] = [:]) throws {
        let statement: [String: CanonicalValue] = [
            "v": 1, "index": .integer(Int64(leaves.count)), "time": 1_795_781_337_000, "author": .string(lead),
            "root": .string(tree.root.base64), "policy": .string(sha256(key).base64), "kind": .string(kind),
            "act": act,
        ]
        let bytes = try CanonicalValue.object(statement.merging(more) { $1 }).encoded()
        let signed = try SignedStatement(
            signing: bytes, vault: vault.bytes, key: SigningKey(seed: SecretBytes(copying: seed)))
        leaves.append(signed.leaf)
        for node in tree.append(leafHash(signed.leaf)) { nodes[node.position] = node.hash }
    }

    func path(of index: Int) throws -> [Digest] {
        try Proofs.inclusion(index: UInt64(index), size: tree.size) { level, index in
            nodes[NodePosition(level: level, index: index)] ?? sha256([])
        }
    }

    func checkpoint() throws -> String {
        try Checkpoint(origin: origin, size: tree.size, root: tree.root)
            .signed(by: SigningKey(seed: SecretBytes(copying: seed))).encoded
    }
}

/// Contents that give every file of the folder, and where each document lies.
func contents(of folder: String) throws -> (PackContents, [DocumentID: String]) {
    var ledger = try BenchLedger()
    var exhibits: [PackExhibit] = []
    var details = [Detail(values: [:])]
    var paths: [DocumentID: String] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
        var (sum, size) = (CRC32(), UInt64(0))
        var hasher = SHA256Hasher()
        try pieces(of: "\(folder)/\(name)") { piece in
            sum.update(piece)
            hasher.update(piece)
            size += UInt64(piece.count)
        }
        let (document, digest) = (DocumentID.random(), hasher.finish())
        let detail = Detail(values: ["sha256": digest.hex, "size": String(size)])
        exhibits.append(
            PackExhibit(
                reference: "PM/\(exhibits.count + 1)", document: document, statement: UInt64(ledger.leaves.count),
                mediaType: "application/pdf", fileExtension: "pdf", size: size, sha256: digest, crc32: sum.value))
        try ledger.say(
            "document.filed", ["document": .string(document.text)],
            ["fields": .object(detail.commitments.mapValues { .string($0.base64) })])
        details.append(detail)
        paths[document] = "\(folder)/\(name)"
    }
    let documents = exhibits.map { CanonicalValue.object(["document": .string($0.document.text)]) }
    try ledger.say("permission.given", ["documents": .array(documents), "exhibit": 1])
    details.append(Detail(values: [:]))
    let contents = PackContents(
        reference: "PM-7K2M9Q4C", school: "Ashcombe Park School", made: Timestamp(milliseconds: 1_795_781_337_000),
        vault: ledger.vault, origin: ledger.origin, checkpointKey: ledger.key, serviceKey: ledger.key,
        checkpoint: try ledger.checkpoint(), permission: UInt64(ledger.leaves.count - 1),
        statements: try ledger.leaves.indices.map { index in
            PackStatement(
                index: UInt64(index), leaf: ledger.leaves[index], path: try ledger.path(of: index),
                fields: details[index].fields)
        }, exhibits: exhibits, papers: [])
    return (contents, paths)
}

func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) {
    var rest = bytes
    while !rest.isEmpty {
        let count = write(descriptor, rest.baseAddress, rest.count)
        precondition(count > 0, "cannot write")
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
    }
}

func largestResidentSet() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
}

let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 2, let folder = arguments.first, let output = arguments.last else {
    FileHandle.standardError.write(Data("usage: bench-pack FOLDER OUTPUT\n".utf8))
    exit(64)
}
let (whole, paths) = try contents(of: folder)
let descriptor = open(output, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
precondition(descriptor >= 0, "\(output) cannot be made")
var packs: [Pack] = []
let layingOut = try seconds { packs.append(try Pack(whole)) }
let writing = try seconds {
    try packs[0].write { exhibit, body in
        try pieces(of: paths[exhibit.document] ?? "", to: body)
    } to: { bytes in
        write(bytes, to: descriptor)
    }
}
let largest = try largestResidentSet()
let checking = try seconds {
    let found = try PackCheck(byteCount: packs[0].byteCount) { offset, buffer in
        precondition(pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset)) == buffer.count)
    }
    precondition(found.holds)
}
let figures: [String: Double] = [
    "laying out": layingOut, "writing": writing, "checking": checking, "bytes": Double(packs[0].byteCount),
    "resident": Double(largest),
]
print(String(decoding: try JSONEncoder().encode(figures), as: UTF8.self))
