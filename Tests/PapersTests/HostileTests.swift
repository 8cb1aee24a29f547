import Foundation
import Glibc
import Papers
import Sandbox
import Testing

/// What a document of a paper could try, if a word of somebody's became a part of its HTML.
@Suite(.serialized) struct HostileTests {
    @Test func `Nothing a document names is fetched, from a file or from the network`() throws {
        let listener = try Listener()
        let here = "http://127.0.0.1:\(listener.port)"
        let readable = "file:///usr/share/common-licenses/GPL-3"
        var body = "<p>before</p>"
        for address in [here + "/a", "file:///etc/passwd", readable, "file:///proc/self/fd/3", "/etc/passwd"] {
            body += """
                <img src="\(address)" alt=""><object data="\(address)"></object><embed src="\(address)">
                <iframe src="\(address)"></iframe><input type=image src="\(address)">
                <a rel=attachment href="\(address)">attached</a><a href="\(address)">link</a>
                <div style="background: url('\(address)'); content: url('\(address)'); list-style: url('\(address)')">x</div>
                <svg width=9 height=9><image href="\(address)" width=9 height=9 /><use href="\(address)#a" /></svg>
                <style>@import url('\(address)'); @font-face { font-family: f; src: url('\(address)') } p { font-family: f }
                p::before { content: url('\(address)') }</style>
                <link rel=stylesheet href="\(address)"><link rel=attachment href="\(address)">
                """
        }
        body +=
            "<img src='data:image/svg+xml,<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"\(here)/b\"/></svg>'>"
        body += "<link rel=attachment href='data:text/plain,attached'><p>after</p>"
        let paper = try paper([page(body)])
        let text = try ask("pdftotext PDF -", of: paper).text
        #expect(text.contains("before") && text.contains("after"))
        #expect(!text.contains("root:") && !text.contains("GNU GENERAL"))
        #expect(try ask("pdfdetach -list PDF", of: paper).text.hasPrefix("0 embedded files"))
        #expect(try ask("pdfimages -list PDF", of: paper).text.split(separator: "\n").count == 2)
        let structure = try ask("qpdf --qdf --object-streams=disable PDF - | tr -d '\\000'", of: paper).text
        #expect(
            !structure.contains("root:") && !structure.contains("GNU GENERAL") && !structure.contains("/EmbeddedFile"))
        #expect(!listener.wasAsked)
        // The socket listens: a connection is seen.
        #expect(try ask("curl -s -m 1 \(here)/c; true", of: paper).code == 0)
        #expect(listener.wasAsked)
    }

    @Test func `A picture in the document itself is drawn`() throws {
        let picture =
            "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' width='99' height='9'><text y='9'>drawn</text></svg>"
        let paper = try paper([page("<img src=\"\(picture)\">")])
        #expect(try ask("pdftotext PDF -", of: paper).text.contains("drawn"))
    }

    @Test func `What takes too long is ended, and nothing of it runs on`() throws {
        let own = "7e57" + String(repeating: "0", count: 28)
        var booklet = Booklet(Typesetter(memoryMiB: 1024, seconds: 1), identifier: own, made: made)
        let before = monotonic()
        #expect(throws: PaperError.timedOut) { try booklet.add(rows(3000, "slow")) }
        #expect(monotonic() - before < 10)
        // The kernel ends bubblewrap's own children a moment after it.
        for _ in 0..<50 where try !processes(naming: own).isEmpty { usleep(100_000) }
        #expect(try processes(naming: own) == [])
    }

    @Test func `What wants more memory than there may be is ended`() throws {
        var booklet = Booklet(Typesetter(memoryMiB: 160, seconds: 60), identifier: identifier, made: made)
        do {
            try booklet.add(rows(5000, "large"))
            Issue.record("it was typeset")
        } catch { #expect(error == .tooLarge || error == .crashed, "\(error)") }
        // What comes after it does not suffer.
        #expect(try paper([pages(1, "small")]).pages == 1)
    }

    @Test func `A document that is no text, or nothing, harms nothing`() throws {
        #expect(throws: PaperError.crashed) { _ = try paper([[0xff, 0xfe, 0x00, 0xd8]]) }
        #expect(try paper([[]]).pages == 1)
        #expect(throws: PaperError.empty) { _ = try paper([]) }
    }

    @Test func `Where the sandbox is not there, it says so`() throws {
        var booklet = Booklet(
            Typesetter(bubblewrap: "/nowhere/bwrap", memoryMiB: 512, seconds: 9), identifier: identifier, made: made)
        do {
            try booklet.add(pages(1, "alpha"))
            Issue.record("it was typeset")
        } catch {
            guard case .unavailable(let reason) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(reason.contains("/nowhere/bwrap"))
        }
    }

    @Test func `No word of a document is in a file, in an argument, or in an error, while it is made or after`() throws
    {
        let canary = "quince\(Int.random(in: 100_000...999_999))marmalade"
        let watch = Watch(for: canary)
        // As often as it takes for it to be looked at in between, however busy the machine is.
        repeat {
            let made = try paper([page("<p>\(canary)</p>", title: canary), rows(120, canary)])
            #expect(try ask("pdftotext PDF -", of: made).text.contains(canary))
        } while watch.looks <= 3
        #expect(watch.end() == [])
    }
}

func rows(_ count: Int, _ word: String) -> [UInt8] {
    page("<table>" + (0..<count).map { "<tr><td>\($0)<td>\(word), and more about it</tr>" }.joined() + "</table>")
}

private func monotonic() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// The command lines of all processes that name something.
func processes(naming words: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { name in
        guard Int(name) != nil, let data = FileManager.default.contents(atPath: "/proc/\(name)/cmdline"),
            data.range(of: Data(words.utf8)) != nil
        else { return nil }
        return String(decoding: data, as: UTF8.self)
    }
}

/// Looks for a word, again and again, in every file of the temporary directory, in names of `/tmp`, in the checkout's
/// names, and in every process's arguments.
private final class Watch {
    private let box: Box
    private let thread: Joined

    private final class Box: @unchecked Sendable {
        // Touched under the lock alone.
        let lock = NSLock()
        var found: [String] = []
        var looks = 0
        var ends = false
    }

    init(for word: String) {
        let box = Box()
        self.box = box
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let before = Set((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? [])
        thread = Joined {
            while true {
                var found: [String] = []
                let folder = FileManager.default.temporaryDirectory.path
                // Vaults of tests that run meanwhile are theirs.
                let files = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
                    .filter { !$0.hasPrefix("strongroom-tests-") && !$0.hasPrefix("pytest-of-") }
                    .flatMap { top in
                        [top]
                            + ((try? FileManager.default.subpathsOfDirectory(atPath: "\(folder)/\(top)")) ?? []).map {
                                "\(top)/\($0)"
                            }
                    }
                for name in files {
                    guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)") else { continue }
                    if data.range(of: Data(word.utf8)) != nil { found.append(name) }
                }
                for name in (try? FileManager.default.contentsOfDirectory(atPath: "/tmp")) ?? []
                where name.hasPrefix("weasyprint-") { found.append(name) }
                let now = Set((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? [])
                found += now.subtracting(before)
                found += (try? processes(naming: word)) ?? []
                let ends = box.lock.withLock {
                    box.found += found
                    box.looks += 1
                    return box.ends
                }
                if ends { return }
                usleep(50_000)
            }
        }
    }

    var looks: Int { box.lock.withLock { box.looks } }

    /// Looks once more, and gives what was found.
    func end() -> [String] {
        box.lock.withLock { box.ends = true }
        thread.join()
        return box.lock.withLock { box.found }
    }
}

/// A socket that would see a connection.
private final class Listener {
    private let socket: Int32
    let port: UInt16

    init() throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let socket = socket
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(socket, $0, length)
                _ = listen(socket, 8)
                _ = getsockname(socket, $0, &length)
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        try #require(port != 0)
    }

    deinit { close(socket) }

    /// Whether somebody connected since this was asked last.
    var wasAsked: Bool {
        let connection = accept(socket, nil, nil)
        guard connection >= 0 else { return false }
        close(connection)
        return true
    }
}
