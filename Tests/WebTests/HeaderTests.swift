import Custody
import Foundation
import HTTPTypes
import HummingbirdTesting
import NIOCore
import Testing
import Web

/// The headers of W-03; the policy on content is looked at apart.
private let strict: [(String, String)] = [
    ("Strict-Transport-Security", "max-age=31536000"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
    ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]

private func expectStrict(_ answer: TestResponse, _ what: String) throws {
    for (name, value) in strict {
        #expect(answer.headers[try #require(HTTPField.Name(name))] == value, "\(what): \(name)")
    }
    #expect(
        answer.headers[try #require(HTTPField.Name("Permissions-Policy"))]?.contains("camera=()") == true, "\(what)")
    let policy = answer.headers[.contentSecurityPolicy] ?? ""
    for part in ["default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action"] {
        #expect(policy.contains(part), "\(what): \(part)")
    }
    #expect(!policy.contains("unsafe"), "\(what)")
}

@Suite("Strict headers")
struct HeaderTests {
    @Test("Who asks from elsewhere is told whether the vault can do its work, and not what it lacks")
    func health() async throws {
        let school = try School()
        let answer = try await school.visitor().get("/api/v1/health")
        #expect(answer.status == .ok)
        #expect(String(buffer: answer.body) == #"{"status":"ready"}"#)
    }

    @Test("Every response carries them: pages, redirects, files, refusals and errors")
    func everywhere() async throws {
        let school = try School()
        let (lead, stranger) = (try school.visitor(school.lead), try school.visitor())
        for path in [
            "/", "/file", "/pupils", "/pupils/\(school.pupil.reference)", "/people", "/ledger", "/quarantine",
            "/hidden",
            "/pupils/add", "/pupils/import", "/entries/4", "/policy", "/recovery-codes", "/healthz", "/api/v1/health",
        ] {
            let answer = try await lead.get(path)
            #expect(answer.status == .ok, "\(path)")
            try expectStrict(answer, path)
            try expectStrict(try await stranger.get(path), "stranger \(path)")
            try expectStrict(try await lead.ask(.put, path), "PUT \(path)")
        }
        for path in [
            "/nothing", "/entries/x", "/documents/x", "/static/none.css", "/pupils/P-00000", "/?a=b", "/..%2f",
        ] {
            let answer = try await lead.get(path)
            #expect((400..<500).contains(answer.status.code), "\(path)")
            try expectStrict(answer, path)
        }
        try expectStrict(try await lead.send("/people", csrf: "wrong"), "403")
        try expectStrict(try await lead.send("/people", [("colour", "red")]), "400")
    }

    @Test("An error of the vault itself carries them too, and says nothing of the inside")
    func whenTheVaultFails() async throws {
        let school = try School()
        let lead = try school.visitor(school.lead)
        let catalogue = school.directory + "/vault"
        for name in try FileManager.default.contentsOfDirectory(atPath: catalogue) where name.contains("catalogue") {
            try Data("not a database, and long enough to be looked at as one".utf8).write(
                to: URL(filePath: "\(catalogue)/\(name)"))
        }
        let answer = try await lead.get("/pupils/\(school.pupil.reference)")
        #expect(answer.status.code >= 500)
        try expectStrict(answer, "5xx")
        // Not in any case: a random token of the page may hold these three letters too.
        for word in ["SQLite", "sqlite", "GRDB"] { #expect(!answer.text.contains(word), "\(word)") }
        #expect(!answer.text.contains(school.directory))
    }

    @Test("The nonce is fresh for each page, and is the script's")
    func nonce() async throws {
        let school = try School()
        let stranger = try school.visitor()
        var seen: Set<String> = []
        for _ in 0..<20 {
            let answer = try await stranger.get("/sign-in")
            let policy = answer.headers[.contentSecurityPolicy] ?? ""
            let nonce = try #require(policy.firstMatch(of: /'nonce-([0-9a-f]{32})'/)?.output.1)
            #expect(answer.text.contains("nonce=\"\(nonce)\""))
            seen.insert(String(nonce))
        }
        #expect(seen.count == 20)
    }

    @Test("Styles, script and icon come from here, under names that change with their bytes")
    func assets() async throws {
        let school = try School()
        let page = try await school.visitor().get("/sign-in").text
        for match in page.matches(of: /(?:href|src)="(\/static\/[^"]+)"/) {
            let answer = try await school.visitor().get(String(match.output.1))
            #expect(answer.status == .ok)
            #expect(answer.body.readableBytes > 100)
        }
        #expect(!page.contains("http://") && !page.contains("https://"))
    }

    @Test("Errors of the API are RFC 9457 problems")
    func problems() async throws {
        let school = try School()
        let answer = try await school.visitor().ask(.post, "/api/v1/health")
        #expect(answer.status == .methodNotAllowed)
        #expect(answer.headers[.contentType] == "application/problem+json")
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(answer.body.readableBytesView)) as? [String: Any])
        #expect(json["status"] as? Int == 405)
        #expect(json["code"] as? String == "method.not-allowed")
        #expect(json["type"] as? String == "urn:strongroom:problem:method.not-allowed")
        #expect(json["title"] is String && json["detail"] is String)
    }
}
