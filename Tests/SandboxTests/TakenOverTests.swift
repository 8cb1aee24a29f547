import FoundationEssentials
import Glibc
import Inspection
import Sandbox
import Testing

/// A program that speaks as the inspector does, and answers what it likes; gone with this value.
private struct TakenOver: ~Copyable {
    let path: String

    /// `answers` is Python that runs for each order; `say` sends a message, and open files with it.
    init(_ answers: String) throws {
        let name = "strongroom-\(getpid())-\(Int.random(in: 0...9_999_999))"
        path = FileManager.default.temporaryDirectory.appending(path: name).path
        let script = """
            #!/usr/bin/python3
            import json, os, socket, struct
            line = socket.socket(fileno=3)
            def hear():
                count, = struct.unpack(">I", line.recv(4, socket.MSG_WAITALL))
                return json.loads(line.recv(count, socket.MSG_WAITALL))
            def say(message, files=()):
                body = json.dumps(message).encode()
                socket.send_fds(line, [struct.pack(">I", len(body)) + body], files)
            def letter(pages):
                return {"format": "application/pdf", "pages": pages, "faults": [], "active": []}
            # As the wire is, and as it was when verdicts came over it.
            def accept(pages=1, faults=[], magic=""):
                return {"retire": False,
                    "observation": {"structure": letter(pages) | {"faults": faults}, "agreesWithMagic": True},
                    "verdict": {"outcome": "accepted", "pages": pages, "magic": magic, "findings": faults}}
            hear()
            say({"breaches": []})
            while True:
                order = hear()
            \(answers.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n"))
            """
        try Data(script.utf8).write(to: URL(filePath: path))
        chmod(path, 0o755)
        // A child that another test starts at this moment has the file open for writing until it runs its own program; a read
        // lease (F_SETLEASE) is given when nobody has.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        while fcntl(descriptor, 1024, Int32(F_RDLCK)) != 0 && errno == EAGAIN { usleep(1000) }
        close(descriptor)
    }

    deinit { unlink(path) }

    /// How many descriptors of this process are of this program's file, which only it can have sent.
    borrowing func descriptorsHere() throws -> Int {
        var own = stat()
        stat(path, &own)
        return try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count { name in
            var other = stat()
            guard let descriptor = Int32(name), fstat(descriptor, &other) == 0 else { return false }
            return other.st_ino == own.st_ino && other.st_dev == own.st_dev
        }
    }
}

@Suite struct TakenOverTests {
    @Test func `An inspector that answers as it should is believed`() throws {
        let taken = try TakenOver("say(accept())")
        let inspector = try Inspector(program: taken.path)
        defer { inspector.shutdown() }
        let verdict = try inspector.inspect(sealed(fixture("good/letter.pdf")), request("pdf"))
        #expect(verdict.outcome == .accepted && verdict.pages == 1)
    }

    @Test(arguments: [
        // A verdict of its own, with words that would reach people and the ledger.
        #"{"verdict": {"outcome": "refused", "code": "jane.was-hurt", "message": "Jane was hurt", "magic": "","#
            + #""findings": ["jane"]}, "retire": False}"#,
        #"accept(faults=["jane.was-hurt"], magic="jane/was-hurt")"#,
        "accept(pages=0)", "accept(pages=10 ** 9)",
        #"accept() | {"text": "of a document nobody asked the text of"}"#,
        #"{"retire": False}"#,
    ])
    func `What no inspector says is a crash, and its words reach nobody`(_ answer: String) throws {
        let taken = try TakenOver("say(\(answer))")
        let inspector = try Inspector(program: taken.path)
        defer { inspector.shutdown() }
        let verdict = try inspector.inspect(sealed(fixture("good/letter.pdf")), request("pdf"))
        #expect(verdict == .crashed)
    }

    @Test(arguments: [1, 2, 5])
    func `An answer that brings open files is a crash, and none of them is opened here`(_ count: Int) throws {
        let taken = try TakenOver("say(accept(), [os.open('/strongroom-inspector', os.O_RDONLY)] * \(count))")
        let inspector = try Inspector(program: taken.path)
        defer { inspector.shutdown() }
        for _ in 0..<3 {
            let verdict = try inspector.inspect(sealed(fixture("good/letter.pdf")), request("pdf"))
            #expect(verdict.code == "inspection.crashed")
        }
        #expect(try taken.descriptorsHere() == 0)
    }

    @Test func `An answer that nobody asked for is not taken for the next document's`() throws {
        let taken = try TakenOver(
            """
            say(accept(1))
            say(accept(2))
            """)
        let inspector = try Inspector(program: taken.path, workers: 1)
        defer { inspector.shutdown() }
        for _ in 0..<3 {
            let verdict = try inspector.inspect(sealed(fixture("good/letter.pdf")), request("pdf"))
            #expect(verdict.pages == 1)
            usleep(100_000)
        }
    }

    @Test func `More text than a document may have is no text`() throws {
        let taken = try TakenOver("say({'text': 'x' * ((1 << 20) + 1), 'retire': False})")
        let inspector = try Inspector(program: taken.path)
        defer { inspector.shutdown() }
        #expect(throws: SandboxError.crashed) {
            let file = try sealed(fixture("good/plain.eml"))
            _ = try inspector.text(of: file, mediaType: "message/rfc822", pages: 1...1)
        }
    }
}
