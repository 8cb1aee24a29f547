import Foundation
import Records
import S3
import Sealing
import Storing
import Testing

/// Requests as they are signed: the examples that the specification of Signature Version 4 for S3 works out.
@Suite struct SignatureTests {
    private let signer: Signer
    private static let host = "examplebucket.s3.amazonaws.com"

    init() throws {
        signer = try Signer(
            accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            region: "us-east-1")
    }

    private func signed(_ request: S3Request) throws -> S3Request {
        try signer.signed(request, host: Self.host, at: Date(timeIntervalSince1970: 1_369_353_600))
    }

    private func authorization(_ names: String, _ signature: String) -> String {
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=\(names), Signature=\(signature)"
    }

    @Test func `A range of an object`() throws {
        let request = try signed(S3Request("GET", "/test.txt", headers: [("range", "bytes=0-9")]))
        #expect(request.header("x-amz-date") == "20130524T000000Z")
        #expect(
            request.header("authorization")
                == authorization(
                    "host;range;x-amz-content-sha256;x-amz-date",
                    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"))
    }

    @Test func `An object with a name that has to be encoded, and its digest`() throws {
        let request = try signed(
            S3Request(
                "PUT", "/test$file.text",
                headers: [("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
                body: Array("Welcome to Amazon S3.".utf8)))
        #expect(request.target == "/test%24file.text")
        #expect(
            request.header("x-amz-content-sha256")
                == "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")
        #expect(
            request.header("authorization")
                == authorization(
                    "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"))
    }

    @Test func `A parameter without a value`() throws {
        let request = try signed(S3Request("GET", "/", query: [("lifecycle", "")]))
        #expect(request.target == "/?lifecycle=")
        #expect(
            request.header("authorization")
                == authorization(
                    "host;x-amz-content-sha256;x-amz-date",
                    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"))
    }

    @Test func `A list`() throws {
        let request = try signed(S3Request("GET", "/", query: [("prefix", "J"), ("max-keys", "2")]))
        #expect(request.target == "/?max-keys=2&prefix=J")
        #expect(
            request.header("authorization")
                == authorization(
                    "host;x-amz-content-sha256;x-amz-date",
                    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"))
    }
}

/// What a store says in XML.
@Suite struct XMLAnswerTests {
    private func answer(_ text: String) -> XMLAnswer? { XMLAnswer(Array(text.utf8)) }

    @Test func `Texts are found by the elements around them`() throws {
        let read = try #require(
            answer(
                """
                <?xml version='1.0' encoding='UTF-8'?>
                <s3:List xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/"><s3:A><B>1 &amp; 2&#x41;&#66;&lt;</B><C/></s3:A>
                <A><B>3</B></A></s3:List>
                """))
        #expect(read.text("List", "A", "B") == "1 & 2AB<")
        #expect(read.text("List", "A", "C") == "")
        #expect(read.text("List", "B") == nil)
        #expect(read.leaves.map(\.text) == ["1 & 2AB<", "", "3"])
        #expect(read.leaves[0].parent == read.leaves[1].parent && read.leaves[0].parent != read.leaves[2].parent)
    }

    @Test(arguments: [
        "", "no element", "<a>", "</a>", "<a></b>", "<a><b></a></b>", "<a", "<!DOCTYPE a><a/>", "<a>&b;</a>",
        "<a>&amp</a>",
        "<a>&#xD800;</a>", "<>x</>",
    ])
    func `What is no such answer is none`(_ text: String) {
        #expect(answer(text) == nil)
    }

    @Test func `Elements in elements have an end`() {
        #expect(answer(String(repeating: "<a>", count: 16) + String(repeating: "</a>", count: 16)) != nil)
        #expect(answer(String(repeating: "<a>", count: 17) + String(repeating: "</a>", count: 17)) == nil)
    }
}

/// Where backups go, and by what settings.
@Suite struct PlaceTests {
    private func settings(_ lines: String...) throws -> StoreSettings {
        try StoreSettings(
            yaml: (["region: eu-west-2", "access-key: a", "secret-key: b"] + lines).joined(separator: "\n"),
            name: "s3.yaml")
    }

    @Test func `A place is a bucket and what its names begin with`() {
        #expect(S3Place("s3://school-backup")?.prefix == "")
        #expect(S3Place("s3://school-backup/")?.prefix == "")
        #expect(S3Place("s3://school-backup/vault/2026")?.prefix == "vault/2026/")
        #expect(S3Place("s3://school-backup/vault/")?.text == "s3://school-backup/vault/")
        for text in [
            "school", "s3:/school", "https://school", "s3://", "s3://ab", "s3://School", "s3://-school", "s3://school-",
            "s3://sch..ool", "s3://sch_ool", "s3://school//a", "s3://school/..", "s3://school/a b", "s3://school/?x",
            "s3://school/" + String(repeating: "a", count: 201),
        ] { #expect(S3Place(text) == nil, "\(text)") }
    }

    @Test func `An address is named both ways, and its port only where it is not the scheme's own`() throws {
        let path = try Endpoint(settings("endpoint: https://S3.example.net:443/"), bucket: "school.backup")
        #expect(
            path.origin == "https://s3.example.net" && path.host == "s3.example.net" && path.path == "/school.backup")
        let host = try Endpoint(settings("endpoint: https://s3.example.net:8443", "addressing: host"), bucket: "school")
        #expect(host.origin == "https://school.s3.example.net:8443" && host.host == "school.s3.example.net:8443")
        #expect(host.path == "")
    }

    @Test(arguments: ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:9000", "https://192.0.2.7"])
    func `In clear it goes to this computer alone`(_ endpoint: String) throws {
        #expect(throws: Never.self) { try Endpoint(settings("endpoint: \"\(endpoint)\""), bucket: "school") }
    }

    @Test(arguments: [
        "http://s3.example.net", "http://127.0.0.1.example.net", "http://192.0.2.7", "http://localhost.example.net",
        "ftp://localhost", "s3.example.net", "https://", "https://user@s3.example.net", "https://s3.example.net/path",
        "https://s3.example.net?x", "https://s3.example.net#x",
    ])
    func `Any other address is refused before anything is sent`(_ endpoint: String) throws {
        let given = try settings("endpoint: \"\(endpoint)\"")
        #expect { try Endpoint(given, bucket: "school") } throws: { ($0 as? Refusal)?.code == "store.settings" }
        let place = try #require(S3Place("s3://school"))
        #expect { try S3Store(given, at: place) } throws: { ($0 as? Refusal)?.code == "store.settings" }
    }

    @Test func `A bucket with a full stop is not named by a host that no certificate covers`() throws {
        let given = try settings("endpoint: https://s3.example.net", "addressing: host")
        #expect { try Endpoint(given, bucket: "school.backup") } throws: { ($0 as? Refusal)?.code == "store.settings" }
    }

    @Test(arguments: [
        ("regio: x\nendpoint: https://a", "region"),
        ("endpoint: https://a\nregion: r\nsecret-kee: hunter2", "secret-kee"),
        ("endpoint: https://a\nregion: r\naddressing: somehow", "addressing"), ("- hunter2", ""), ("a: b: hunter2", ""),
        ("endpoint: https://a\nregion: r\nsecret-key: [hunter2]", "secret-key"),
    ])
    func `Settings are strict, and what is wrong is named without what stands there`(_ text: String, _ word: String) {
        #expect { try StoreSettings(yaml: text, name: "s3.yaml") } throws: { error in
            guard let refusal = error as? Refusal else { return false }
            return refusal.code == "store.settings" && (word.isEmpty || refusal.message.contains(word))
                && !refusal.message.contains("hunter2")
        }
    }

    @Test func `Without credentials, with a file that holds no certificate, nothing is opened`() throws {
        let place = try #require(S3Place("s3://school"))
        let bare = try StoreSettings(yaml: "endpoint: https://a.example\nregion: r", name: "s3.yaml")
        #expect { try S3Store(bare, at: place) } throws: { ($0 as? Refusal)?.code == "store.settings" }
        let blind = try settings("endpoint: https://a.example", "ca-file: /etc/hostname")
        #expect { try S3Store(blind, at: place) } throws: { ($0 as? Refusal)?.code == "store.settings" }
    }
}

/// What a real server refuses, and how it is told.
@Suite struct S3ErrorTests {
    private let server: SwiftServer
    init() throws { server = try SwiftServer.shared.get() }

    private func calls(_ store: S3Store) throws -> [(what: String, call: () throws -> Void)] {
        let object = try name("blobs/one")
        return [
            ("put", { try store.put(object, ObjectSource([1])) }),
            ("put in parts", { try store.put(object, ObjectSource(someBytes((16 << 20) + 1))) }),
            ("replace", { try store.replace(object, with: [1]) }),
            ("read", { try store.all(object) }),
            ("list", { _ = try store.list("") }),
            ("delete", { try store.delete(object) }),
            ("size", { _ = try store.size(of: object) }),
        ]
    }

    @Test func `Credentials that are not taken are told as that, whatever is asked`() throws {
        let settings = try server.settings(secretKey: "another")
        let store = try S3Store(settings, at: server.freshPlace(), patience: .seconds(5))
        for (what, call) in try calls(store) { #expect(throws: StoreError.refused, "\(what)") { try call() } }
    }

    @Test func `A bucket that is not there is told as that, wherever the store says so`() throws {
        let place = try #require(S3Place("s3://no-such-bucket/a"))
        let store = try S3Store(server.settings(), at: place, patience: .seconds(5))
        // A HEAD has no words.
        for (what, call) in try calls(store) where what != "size" {
            #expect(throws: StoreError.placeNotThere, "\(what)") { try call() }
        }
    }

    @Test func `A clock that is far off is told as that`() throws {
        let store = try S3Store(
            server.settings(), at: server.freshPlace(), patience: .seconds(5), partSize: 16 << 20, listed: 1000,
            now: { Date() - 3600 })
        for (what, call) in try calls(store) where what != "size" {
            #expect(throws: StoreError.clockDiffers, "\(what)") { try call() }
        }
    }

    @Test func `A server that is not there is told as that when patience is over, and not before`() throws {
        // Nothing listens on port 1.
        let settings = try server.settings(endpoint: "http://127.0.0.1:1")
        let store = try S3Store(settings, at: server.freshPlace(), patience: .seconds(1))
        let began = ContinuousClock.now
        #expect(throws: StoreError.unreachable) { try store.list("") }
        #expect(ContinuousClock.now - began > .milliseconds(300))
        let hasty = try S3Store(settings, at: server.freshPlace(), patience: .zero)
        for (what, call) in try calls(hasty) { #expect(throws: StoreError.unreachable, "\(what)") { try call() } }
    }

    @Test func `What has no room is told as that, and nothing of it is seen`() throws {
        let store = try S3Store(server.settings(), at: server.freshPlace(small: true), patience: .seconds(5))
        try store.put(name("small"), ObjectSource(someBytes(1000)))
        #expect(throws: StoreError.full) { try store.put(name("large"), ObjectSource(someBytes(200_000))) }
        #expect(try store.list("").map(\.name.text) == ["small"])
    }

    @Test func `Two parts of one bucket do not see each other`() throws {
        let (one, other) = (try server.store(), try server.store())
        try one.put(name("a"), ObjectSource([1]))
        #expect(try other.list("") == [])
        #expect(throws: StoreError.notThere) { try other.size(of: name("a")) }
        #expect(try one.list("").count == 1)
    }
}
