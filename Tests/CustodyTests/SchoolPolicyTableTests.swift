import Foundation
import Sealing
import Testing

/// The table in docs/policy.md: every sentence of the school's policy, in order, and a test for each that software carries out.
@Suite struct SchoolPolicyTableTests {
    private struct Row {
        let number: String
        let sentence: String
        let carriedOut: String
        let test: String?
    }

    private static func rows() throws -> [Row] {
        let text = try String(contentsOf: repository.appending(path: "docs/policy.md"), encoding: .utf8)
        return text.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).map {
                $0.trimmingCharacters(in: .whitespaces)
            }
            guard cells.count == 6, cells[1].contains(".") else { return nil }
            let isTest = cells[4].hasPrefix("`") && cells[4].hasSuffix("`")
            return Row(
                number: cells[1], sentence: cells[2], carriedOut: cells[3],
                test: isTest ? String(cells[4].dropFirst().dropLast()) : nil)
        }
    }

    private static func tests() throws -> [String] {
        let file = repository.appending(path: "Tests/CustodyTests/SchoolPolicyTests.swift")
        return try String(contentsOf: file, encoding: .utf8).matches(of: /@Test\(\s*"([^"]+)"\s*\)/).map {
            String($0.1)
        }
    }

    @Test func `No sentence of sections 3 and 4 is missing, in another place, or in other words`() throws {
        let rows = try Self.rows()
        var wanted: [String] = []
        for (section, count) in [("3", 16), ("D", 19), ("4", 13), ("C", 15)] {
            wanted += (1...count).map { "\(section).\($0)" }
        }
        #expect(rows.map(\.number) == wanted)
        // Of the sentences as the policy has them, a line each: whoever changes one has the policy in hand.
        #expect(
            sha256(Array(rows.map(\.sentence).joined(separator: "\n").utf8)).hex
                == "2bc1f8a4b8f33cdaef5b43ed588f3f5fb4a2b85a6fc909bd37c705d9a930ca4f")
    }

    @Test func `Every test that is named exists, once, and every test is named`() throws {
        let named = try Self.rows().compactMap(\.test)
        let tests = try Self.tests()
        #expect(Set(named).count == named.count && Set(tests).count == tests.count)
        #expect(Set(named).subtracting(tests).isEmpty, "named, and not there")
        #expect(Set(tests).subtracting(named).isEmpty, "there, and not named")
    }

    @Test func `A row without a test says why: it is people's, it explains, or it is not yet`() throws {
        for row in try Self.rows() where row.test == nil {
            #expect(row.carriedOut.count > 10, "\(row.number)")
        }
        for row in try Self.rows() where row.test != nil { #expect(!row.carriedOut.isEmpty, "\(row.number)") }
    }
}
