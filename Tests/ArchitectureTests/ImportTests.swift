import Foundation
import Testing

/// What is below Sources, read as text.
private struct SourceTree {
    let targets: [String]
    let files: [(target: String, name: String, lines: [String])]

    init() throws {
        let root = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources")
        let targets = try FileManager.default.contentsOfDirectory(atPath: root.path).sorted()
        var files: [(String, String, [String])] = []
        for target in targets {
            let folder = root.appending(path: target).path
            for name in try FileManager.default.subpathsOfDirectory(atPath: folder) where name.hasSuffix(".swift") {
                let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
                files.append(
                    (target, name, text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)))
            }
        }
        self.targets = targets
        self.files = files
    }

    /// Every import: the target, the file and the module.
    var imports: [(target: String, file: String, module: String)] {
        files.flatMap { target, name, lines in
            lines.compactMap { line in module(imported: line).map { (target, name, $0) } }
        }
    }

    /// Every type that is declared, with its target.
    var types: [(target: String, file: String, type: String)] {
        files.flatMap { target, name, lines in
            lines.flatMap { line in declaredTypes(line).map { (target, name, $0) } }
        }
    }
}

/// The module that a line imports, whatever stands before `import` and whatever part of the module is named.
private func module(imported line: String) -> String? {
    let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
    guard let at = words.firstIndex(of: "import"), at + 1 < words.count,
        words[..<at].allSatisfy({
            $0.hasPrefix("@") || ["public", "package", "internal", "fileprivate", "private"].contains($0)
        })
    else { return nil }
    var rest = words[(at + 1)...]
    let kinds = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias", "actor"]
    if let first = rest.first, kinds.contains(first) { rest = rest.dropFirst() }
    return rest.first.map { String($0.prefix { $0 != "." && $0 != ";" }) }
}

private func declaredTypes(_ line: String) -> [String] {
    let code = line.prefix(while: { $0 != "\"" }).components(separatedBy: "//").first ?? ""
    let words = code.split(whereSeparator: { !($0.isLetter || $0.isNumber || $0 == "_") }).map(String.init)
    let kinds: Set = ["struct", "class", "enum", "protocol", "typealias", "actor"]
    return zip(words, words.dropFirst()).compactMap { kind, name in
        kinds.contains(kind) && name.first?.isUppercase == true ? name : nil
    }
}

/// design.md, "Shape": the rows, lowest first.
private let rows: [[String]] = [
    ["CSodium", "CMagic", "CQPDF", "CZlib", "CQREncode", "CZXing", "CSANE", "CTIFF", "CLinux"],
    ["Sealing", "Ledger", "Multipart", "WebAuthn"],
    ["Records", "Storing"],
    ["Packing"],
    ["Inspection"],
    ["Sandbox"],
    ["Papers"],
    ["Custody"],
    ["Scanning", "Web", "Sending", "S3"],
    ["strongroom", "strongroom-inspector"],
]

private func row(of module: String) -> Int? { rows.firstIndex { $0.contains(module) } }

/// Modules that are not ours, each with the targets that may see it. Nil is every target.
private let foreign: [String: Set<String>?] = [
    "Foundation": nil, "FoundationEssentials": nil, "Glibc": nil, "Dispatch": nil, "Synchronization": nil,
    "Crypto": ["Sealing", "WebAuthn"], "CryptoExtras": ["WebAuthn"],
    "GRDB": ["Custody"],
    "Yams": ["Records"],
    "Hummingbird": ["Web"], "HummingbirdTLS": ["Web"], "HummingbirdHTTP2": ["Web"], "HummingbirdCore": ["Web"],
    "AsyncHTTPClient": ["S3", "Sending"], "NIOHTTP1": ["S3", "Sending"],
    "HTTPTypes": ["Web"], "NIOCore": ["S3", "Web", "Sending"], "NIOSSL": ["S3", "Web", "Sending"],
    "Mustache": ["Web"],
    "X509": ["Web"],
    "SwiftASN1": ["Web"], "ServiceLifecycle": ["Web", "strongroom"], "Logging": ["Web", "strongroom"],
    "Metrics": ["Web", "strongroom"], "UnixSignals": ["strongroom"], "ArgumentParser": ["strongroom"],
]

/// System libraries that one target alone sees.
private let guarded: [String: Set<String>] = [
    "CSodium": ["Sealing"], "CMagic": ["Inspection"], "CQPDF": ["Inspection"], "CZlib": ["Inspection", "Packing"],
    "CQREncode": ["Papers"], "CZXing": ["Inspection"], "CSANE": ["Scanning"], "CTIFF": ["Scanning"],
]

@Suite struct ImportTests {
    @Test func `The reader of import lines knows every way to write one`() {
        #expect(module(imported: "import GRDB") == "GRDB")
        #expect(module(imported: "    public import Sealing") == "Sealing")
        #expect(module(imported: "@preconcurrency import struct Foundation.URL") == "Foundation")
        #expect(module(imported: "@_exported import class GRDB.DatabasePool // no") == "GRDB")
        #expect(module(imported: "// import GRDB") == nil)
        #expect(module(imported: "let import = 1") == nil)
        #expect(declaredTypes("public final class FileHelper: Sendable {") == ["FileHelper"])
        #expect(declaredTypes("/// an enum Of nothing") == [])
    }

    @Test func `Every target has its row, and every import its place`() throws {
        let tree = try SourceTree()
        #expect(tree.imports.count > 50)
        for target in tree.targets { #expect(row(of: target) != nil, "\(target) has no row") }
        for (target, file, module) in tree.imports where row(of: module) == nil {
            guard let allowed = foreign[module] else {
                Issue.record("\(target)/\(file) imports \(module), which design.md does not name")
                continue
            }
            if let allowed { #expect(allowed.contains(target), "\(target)/\(file) imports \(module)") }
        }
    }

    @Test func `A target names only rows below its own`() throws {
        for (target, file, module) in try SourceTree().imports {
            guard let above = row(of: target), let below = row(of: module) else { continue }
            let isAllowed = below < above || (target == "Ledger" && module == "Sealing")
            #expect(isAllowed, "\(target)/\(file) imports \(module)")
        }
    }

    @Test func `What a scan station's computer runs reaches into no vault`() throws {
        let imports = try SourceTree().imports.filter { $0.target == "Sending" }
        #expect(imports.contains { $0.module == "AsyncHTTPClient" })
        for (_, file, module) in imports where row(of: module) != nil {
            #expect(["Records", "Sealing"].contains(module), "Sending/\(file) imports \(module)")
        }
    }

    @Test func `A place for backups knows no vault, and what keeps the vault no network`() throws {
        let imports = try SourceTree().imports
        #expect(imports.contains { $0.target == "Custody" && $0.module == "Storing" })
        #expect(imports.contains { $0.target == "S3" && $0.module == "Storing" })
        for (target, file, module) in imports where row(of: module) != nil {
            if target == "Storing" { Issue.record("Storing/\(file) imports \(module)") }
            if target == "S3" {
                #expect(["Records", "Sealing", "Storing"].contains(module), "S3/\(file) imports \(module)")
            }
            #expect(module != "S3" || target == "strongroom", "\(target)/\(file) imports S3")
        }
    }

    @Test func `What makes papers knows the sandbox and the words, and nothing of a vault`() throws {
        let imports = try SourceTree().imports.filter { $0.target == "Papers" }
        #expect(imports.contains { $0.module == "Sandbox" })
        for (_, file, module) in imports where row(of: module) != nil {
            #expect(
                ["CQREncode", "Records", "Sandbox", "Sealing"].contains(module), "Papers/\(file) imports \(module)")
        }
    }

    @Test func `What makes and checks packs knows statements, and nothing of a vault`() throws {
        let imports = try SourceTree().imports.filter { $0.target == "Packing" }
        #expect(imports.contains { $0.module == "Ledger" })
        for (_, file, module) in imports where row(of: module) != nil {
            #expect(["CZlib", "Ledger", "Records", "Sealing"].contains(module), "Packing/\(file) imports \(module)")
        }
    }

    @Test func `One target alone sees each library that is dangerous to share`() throws {
        let imports = try SourceTree().imports
        for (target, file, module) in imports {
            if let allowed = guarded[module] {
                #expect(allowed.contains(target), "\(target)/\(file) imports \(module)")
            }
            if module.hasPrefix("Hummingbird") { #expect(target == "Web", "\(target)/\(file) imports \(module)") }
        }
        // The rule would also hold of nothing: these are used.
        for module in ["CSodium", "Crypto", "GRDB", "CMagic"] {
            #expect(imports.contains { $0.module == module }, "nobody imports \(module)")
        }
    }

    @Test func `One command alone asks for a scanner, and so loads its driver`() throws {
        let files = try SourceTree().files.filter { _, _, lines in
            lines.contains { $0.contains("Scanners") && !$0.drop(while: \.isWhitespace).hasPrefix("//") }
        }
        let named = files.filter { $0.target != "Scanning" }.map { "\($0.target)/\($0.name)" }
        #expect(named == ["strongroom/Scan.swift"])
    }

    @Test func `Nothing that people use reaches what Custody offers to the maker of large vaults alone`() throws {
        let files = try SourceTree().files
        for (target, name, lines) in files {
            for line in lines where module(imported: line) != nil {
                #expect(!line.contains("@_spi"), "\(target)/\(name): \(line)")
            }
        }
        // The rule would also hold of nothing: there is such an offer.
        #expect(files.contains { $0.target == "Custody" && $0.lines.contains { $0.contains("@_spi(LargeVault)") } })
    }

    @Test func `The leaves know no files, no clock and no network`() throws {
        let forbidden = [
            "FileManager", "FileHandle", "Date()", "ContinuousClock", "clock_gettime", "socket(", "fopen(",
        ]
        for (target, name, lines) in try SourceTree().files
        where ["Ledger", "Multipart", "WebAuthn", "Records", "Packing"].contains(target) {
            // The one clock is declared, and its real one made, in Records.
            if name == "Timestamp.swift" { continue }
            for line in lines where !line.drop(while: \.isWhitespace).hasPrefix("//") {
                for word in forbidden { #expect(!line.contains(word), "\(target)/\(name): \(line)") }
            }
        }
    }

    @Test func `No target or type has a name that says nothing`() throws {
        let empty: Set = [
            "utils", "util", "utilities", "utility", "helper", "helpers", "manager", "managers", "core", "common",
        ]
        func words(of name: String) -> [String] {
            var words: [String] = []
            for character in name {
                if character.isUppercase || words.isEmpty { words.append("") }
                words[words.count - 1].append(contentsOf: character.lowercased())
            }
            return words
        }
        let tree = try SourceTree()
        for target in tree.targets { #expect(empty.isDisjoint(with: words(of: target)), "target \(target)") }
        for (target, file, type) in tree.types {
            // What a type is called is its last word; those before it say which.
            #expect(!empty.contains(words(of: type).last ?? ""), "\(target)/\(file) declares \(type)")
        }
    }

    @Test func `No module shares its name with a type`() throws {
        let tree = try SourceTree()
        let modules = Set(tree.targets)
        for (target, file, type) in tree.types {
            #expect(!modules.contains(type), "\(target)/\(file) declares \(type)")
        }
    }
}
