import Custody
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOCore
import Records
import Sealing
import SoftwareAuthenticator
import Synchronization
import Web

/// A clock that tests move.
final class MovedClock: Records.Clock {
    private let ahead = Mutex<Int64>(0)
    private let system = SystemClock()

    func move(seconds: Int64) { ahead.withLock { $0 += seconds * 1000 } }
    func now() -> Timestamp { Timestamp(milliseconds: system.now().milliseconds + ahead.withLock { $0 }) }
    func monotonic() -> MonotonicTime {
        MonotonicTime(nanoseconds: system.monotonic().nanoseconds + UInt64(ahead.withLock { $0 }) * 1_000_000)
    }
}

/// An invented school with a vault of its own, one person for each role, and two pupils; gone when it is dropped.
final class School: Sendable {
    static let leadName = "Ruth Okonedo-Hale"
    static let password = "seven quiet lanterns drift"

    let vault: Vault
    let site: Site
    let clock = MovedClock()
    let lead: Acting
    let pupil: Pupil
    let directory: String
    let location: Vault.Location
    /// The secret of the lead's authenticator, BASE32.
    let leadAuthenticator: String
    /// The secrets of everybody's authenticators, BASE32.
    private let authenticators = Mutex<[PersonID: String]>([:])

    /// - Parameter changes: to the policies: file, what it says, what it is to say.
    init(_ changes: [(file: String, old: String, new: String)] = []) throws {
        directory = FileManager.default.temporaryDirectory.path + "/web-tests-" + DocumentID.random().text
        let policies = directory + "/policies"
        try FileManager.default.createDirectory(atPath: policies, withIntermediateDirectories: true)
        let source = URL(filePath: #filePath).deletingLastPathComponent().path + "/../../policies"
        for name in Policies.fileNames {
            var text = try String(contentsOfFile: "\(source)/\(name)", encoding: .utf8)
            for (file, old, new) in changes where file == name { text = text.replacing(old, with: new) }
            // The lowest profile that C-06 allows: these tests are not about Argon2id.
            try text.replacing("argon2-memory-mib: 256", with: "argon2-memory-mib: 64")
                .write(toFile: "\(policies)/\(name)", atomically: true, encoding: .utf8)
        }
        // The inspector lies beside the tests' own program, in the build directory.
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        location = Vault.Location(
            vault: directory + "/vault",
            inspector: tests.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/strongroom-inspector")
        let founded = try Vault.create(
            at: location, policies: policies, founder: Self.leadName, password: Self.password, clock: clock)
        vault = try Vault(opening: location, clock: clock)
        let acting = try vault.signIn(
            name: Self.leadName, password: Self.password,
            code: try Self.code(founded.authenticatorSecret, at: clock.now()))
        try Self.prepare(acting, in: vault, by: acting, clock)
        lead = acting
        leadAuthenticator = founded.authenticatorSecret
        authenticators.withLock { $0[acting.person] = founded.authenticatorSecret }
        pupil = try vault.addPupil(NewPupil(name: "Abel Quillfeather", dateOfBirth: "2003-05-14"), as: acting)
        site = try Site(vault: vault, clock: clock)
    }

    deinit {
        vault.shutdown()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Policy and training, without which nobody files or reads.
    static func prepare(_ acting: Acting, in vault: Vault, by lead: Acting, _ clock: MovedClock) throws {
        try vault.acknowledgePolicy(version: vault.policies.acceptableUse.version, as: acting)
        try vault.recordTraining(of: acting.person, completed: String(clock.now().iso8601.prefix(10)), as: lead)
    }

    /// Invites a person of that role, who joins and can work; they are signed in.
    func add(_ role: Role, name: String) throws -> Acting {
        let acting = try addUnfinished(name: name, role: role)
        guard let secret = vault.authenticatorSecret(of: acting),
            let words = try vault.fingerprintWords(of: acting.person, as: lead)
        else { throw VaultError.signInFailed }
        try vault.enrol(acting, code: try Self.code(secret, at: clock.now()))
        authenticators.withLock { $0[acting.person] = secret }
        clock.move(seconds: 30)
        try giveLeadsCode()
        try vault.confirm(acting.person, words: words, as: lead)
        try Self.prepare(acting, in: vault, by: lead, clock)
        return acting
    }

    /// A fresh code of the lead's where the last is too old: the clock is moved for everybody who is added, and goes on by itself.
    private func giveLeadsCode() throws {
        guard vault.needsCode(lead) else { return }
        clock.move(seconds: 60)
        try vault.giveCode(Self.code(leadAuthenticator, at: clock.now()), as: lead)
    }

    /// Waits until the scans of a batch of paper are read.
    func untilRead(_ batch: BatchID, as acting: Acting) throws {
        for _ in 0..<600 where try !vault.desk(of: batch, as: acting).stacks.allSatisfy(\.isRead) {
            Thread.sleep(forTimeInterval: 0.1)
        }
    }

    /// Gives a fresh code of somebody's authenticator.
    func giveCode(as acting: Acting, after seconds: Int64 = 60) throws {
        clock.move(seconds: seconds)
        let secret = authenticators.withLock { $0[acting.person] } ?? ""
        try vault.giveCode(Self.code(secret, at: clock.now()), as: acting)
    }

    /// Adds a passkey of somebody's, who has given a code.
    func addPasskey(as acting: Acting) throws -> (id: PasskeyID, passkey: SoftwarePasskey) {
        var passkey = try SoftwarePasskey(at: "localhost")
        let question = try vault.newPasskeyQuestion(for: "x", at: "localhost", as: acting)
        let made = try passkey.make(question.options)
        try vault.addPasskey(
            PasskeyAnswer(json: made, challenge: question.challenge, binding: "x", site: "localhost"), name: "my phone",
            as: acting)
        guard let id = try vault.passkeys(of: acting.person, as: acting).last?.id else { throw VaultError.notFound }
        return (id, passkey)
    }

    /// A person who has joined and not set up their authenticator.
    func addUnfinished(name: String, role: Role = .admin) throws -> Acting {
        try giveLeadsCode()
        let invitation = try vault.invite(name: name, roles: [role], as: lead)
        return try vault.join(name: name, code: invitation.code, password: Self.password)
    }

    static func code(_ secret: String, at time: Timestamp) throws -> String {
        var bits = 0
        var held = 0
        var bytes: [UInt8] = []
        for character in secret.utf8 {
            let value = character >= 65 ? Int(character) - 65 : Int(character) - 24
            held = held << 5 | value
            bits += 5
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(held >> bits & 255))
                held &= (1 << bits) - 1
            }
        }
        return OneTimeCode.code(secret: try SecretBytes(copying: bytes), step: UInt64(time.milliseconds) / 30_000)
    }

    /// A browser with a session of that person, or with none.
    func visitor(_ acting: Acting? = nil) throws -> Visitor {
        guard let acting else { return Visitor(site: site, cookies: [:], csrf: "") }
        let token = try vault.sessions.open(acting)
        return Visitor(
            site: site, cookies: ["__Host-session": token], csrf: vault.sessions.resume(token)?.csrf ?? "")
    }
}

/// Asks a site as a browser would.
struct Visitor: Sendable {
    let site: Site
    let cookies: [String: String]
    let csrf: String

    func ask(
        _ method: HTTPRequest.Method, _ path: String, headers: HTTPFields = [:], body: ByteBuffer? = nil
    ) async throws -> TestResponse {
        var headers = headers
        if !cookies.isEmpty { headers[.cookie] = cookies.map { "\($0)=\($1)" }.joined(separator: "; ") }
        let sent = headers
        return try await Application(responder: site, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            .test(.router) { client in
                try await client.execute(uri: path, method: method, headers: sent, body: body)
            }
    }

    func get(_ path: String) async throws -> TestResponse { try await ask(.get, path) }

    /// Sends a form with this session's token, as a page of the site does.
    func send(
        _ path: String, _ fields: [(String, String)] = [], csrf: String? = nil, headers: HTTPFields = [:]
    ) async throws -> TestResponse {
        var headers = headers
        headers[.contentType] = "application/x-www-form-urlencoded"
        let body = ([("csrf", csrf ?? self.csrf)] + fields).map { "\(Self.escaped($0.0))=\(Self.escaped($0.1))" }
        return try await ask(.post, path, headers: headers, body: ByteBuffer(string: body.joined(separator: "&")))
    }

    /// Sends fields and files as `multipart/form-data`.
    func upload(
        _ path: String, fields: [(String, String)] = [],
        files: [(field: String, name: String, type: String, bytes: String)],
        csrf: String? = nil
    ) async throws -> TestResponse {
        var body = ""
        for (name, value) in [("csrf", csrf ?? self.csrf)] + fields {
            body += "--edge\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n"
        }
        for file in files {
            body += "--edge\r\nContent-Disposition: form-data; name=\"\(file.field)\"; filename=\"\(file.name)\"\r\n"
            body += "Content-Type: \(file.type)\r\n\r\n\(file.bytes)\r\n"
        }
        body += "--edge--\r\n"
        return try await ask(
            .post, path, headers: [.contentType: "multipart/form-data; boundary=edge"], body: ByteBuffer(string: body))
    }

    /// Calls the interface for programs, with the token in its header.
    func call(
        _ method: HTTPRequest.Method, _ path: String, _ headers: [(String, String)] = [], body: [UInt8]? = nil
    ) async throws -> TestResponse {
        var fields = HTTPFields()
        for (name, value) in [("Strongroom-Token", csrf), ("Tus-Resumable", "1.0.0")] + headers {
            if let name = HTTPField.Name(name) { fields[name] = value }
        }
        return try await ask(method, path, headers: fields, body: body.map { ByteBuffer(bytes: $0) })
    }

    static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
}

extension TestResponse {
    var text: String { String(buffer: body) }

    /// The page's title.
    var title: String {
        let from = text.range(of: "<title>")?.upperBound ?? text.startIndex
        let to = text.range(of: "</title>")?.lowerBound ?? from
        return String(text[from..<to])
    }

    /// A cookie that was set.
    func cookie(_ name: String) -> String? {
        headers[values: .setCookie].first { $0.hasPrefix(name + "=") }
    }
}
