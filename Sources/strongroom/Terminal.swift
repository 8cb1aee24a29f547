import ArgumentParser
import Custody
import Foundation
import Records
import Storing

/// What people see and type.
enum Terminal {
    static func explain(_ error: VaultError) { explain(error.refusal) }

    static func explain(_ refusal: Refusal) {
        say("error: \(refusal.message)", to: .standardError)
        say("hint: \(refusal.hint)", to: .standardError)
        say("code: \(refusal.code)", to: .standardError)
    }

    static func explain(_ refusal: Refusal, about what: String, isRefusal: Bool = true) {
        say("\(isRefusal ? "refused" : "error"): \(what): \(refusal.message)", to: .standardError)
        say("hint: \(refusal.hint)", to: .standardError)
        say("code: \(refusal.code)", to: .standardError)
    }

    static func exitCode(of error: VaultError) -> Int32 {
        switch error {
        case .refused, .signInFailed, .tooManyTries, .notFound, .gone, .offsetDiffers: 3
        case .waiting, .store(.unreachable): 5
        case .busy: 6
        case .store(.refused), .store(.placeNotThere), .store(.clockDiffers), .store(.untrusted), .store(.full): 3
        case .clockBehind, .storage, .uncertain, .unwitnessed, .tampered, .store: 1
        }
    }

    static func say(_ line: String, to handle: FileHandle = .standardOutput) {
        clearLine()
        let isProblem = line.hasPrefix("error:") || line.hasPrefix("refused:")
        let line = handle === FileHandle.standardError ? Journal.marked(line, isProblem ? .error : .info) : line
        try? handle.write(contentsOf: Data((line + "\n").utf8))
    }

    /// A file's text, or of `-` standard input's: at most so many bytes.
    static func read(_ path: String, most: Int) throws -> String {
        String(decoding: try bytes(path, most: most), as: UTF8.self)
    }

    /// A file's bytes, or of `-` standard input's: at most so many.
    static func bytes(_ path: String, most: Int) throws -> [UInt8] {
        let handle = path == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: path)
        let data: Data
        // The end at once is nothing, and no error.
        do { data = try handle?.read(upToCount: most + 1) ?? Data() } catch {
            throw ValidationError("\(path) cannot be read.")
        }
        guard handle != nil else { throw ValidationError("\(path) cannot be read.") }
        guard data.count <= most else { throw ValidationError("\(path) is larger than what is asked for.") }
        return [UInt8](data)
    }

    /// A value as one line of JSON, keys in order.
    static func json(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        clearLine()
        try FileHandle.standardOutput.write(contentsOf: encoder.encode(value) + Data("\n".utf8))
    }

    /// Asks without showing what is typed.
    static func askSecret(_ prompt: String) throws -> String {
        guard isatty(STDIN_FILENO) == 1 else {
            throw ValidationError("There is no terminal to ask on: give the secrets with --secrets-fd.")
        }
        var before = termios()
        tcgetattr(STDIN_FILENO, &before)
        var silent = before
        silent.c_lflag &= ~tcflag_t(ECHO)
        // Before the question: who answers at once is not shown either.
        tcsetattr(STDIN_FILENO, TCSANOW, &silent)
        FileHandle.standardError.write(Data("\(prompt): ".utf8))
        defer {
            tcsetattr(STDIN_FILENO, TCSANOW, &before)
            say("", to: .standardError)
        }
        return readLine() ?? ""
    }

    static func ask(_ prompt: String) throws -> String {
        guard isatty(STDIN_FILENO) == 1 else {
            throw ValidationError("There is no terminal to ask on: give the secrets with --secrets-fd.")
        }
        FileHandle.standardError.write(Data("\(prompt): ".utf8))
        return readLine() ?? ""
    }

    /// Takes what was typed off the screen and, where the terminal can, out of what it scrolled away.
    static func wipeScreen() {
        guard isatty(STDERR_FILENO) == 1 else { return }
        FileHandle.standardError.write(Data("\u{1B}[H\u{1B}[2J\u{1B}[3J".utf8))
    }

    /// A bar on a terminal; nothing elsewhere.
    static func progress(_ done: Int, of total: Int, _ what: String) {
        guard isatty(STDERR_FILENO) == 1, total > 0 else { return }
        drawLine(Double(done) / Double(total), "\(done) of \(total) \(what)")
        if done == total { clearLine() }
    }
}

/// Secrets as JSON lines from a descriptor that the caller opened.
final class SecretLines {
    /// What a line may hold.
    struct Line: Decodable {
        var password: String?
        var code: String?
        var invitation: String?
        var token: String?
        var share: String?
        var accessKey: String?
        var secretKey: String?
    }

    private let handle: FileHandle

    init(descriptor: Int32) { handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false) }

    func next() throws -> Line { try parse(read()) }

    /// The words of one more sheet; nil at an empty line, a line without, or the end.
    func nextShare() throws -> String? {
        let bytes = try read()
        return bytes.isEmpty ? nil : try parse(bytes).share
    }

    private func read() throws -> Data {
        var bytes = Data()
        while let byte = try handle.read(upToCount: 1), let value = byte.first, value != UInt8(ascii: "\n") {
            bytes.append(value)
        }
        return bytes
    }

    private func parse(_ bytes: Data) throws -> Line {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do { return try decoder.decode(Line.self, from: bytes) } catch {
            throw ValidationError("--secrets-fd takes lines like {\"password\":\"…\",\"code\":\"123456\"}.")
        }
    }
}

/// Where the vault is.
struct VaultOptions: ParsableArguments {
    @Option(help: "The vault directory; also STRONGROOM_VAULT.")
    var vault: String?
    @Option(help: "The secrets' directory (default: <vault>.secrets, or systemd's credentials).")
    var secrets: String?
    @Option(help: "The strongroom-inspector program (default: beside this one).")
    var inspector: String?
    @Option(help: "The directory with ClamAV's signatures (default: /var/lib/clamav); also STRONGROOM_SIGNATURES.")
    var signatures: String?

    var location: Vault.Location { get throws { try location(Settings()) } }

    /// The same with a file of settings, which counts after the flags and before the environment.
    func location(_ settings: Settings) throws -> Vault.Location {
        let environment = ProcessInfo.processInfo.environment
        guard let vault = vault ?? settings["vault"] ?? environment["STRONGROOM_VAULT"], !vault.isEmpty else {
            throw ValidationError("Name the vault with --vault DIR or STRONGROOM_VAULT.")
        }
        return Vault.Location(
            vault: vault, secrets: secrets ?? settings["secrets"] ?? environment["CREDENTIALS_DIRECTORY"],
            inspector: inspector ?? settings["inspector"],
            signatures: signatures ?? settings["signatures"] ?? environment["STRONGROOM_SIGNATURES"])
    }
}

/// Who acts.
struct ActingOptions: ParsableArguments {
    @OptionGroup var vault: VaultOptions
    @Option(name: .customLong("as"), help: "The name of the person who acts; password and code are asked for.")
    var name: String
    @Option(help: "Read {\"password\":…,\"code\":…} from this descriptor instead of asking.")
    var secretsFd: Int32?

    /// Opens the vault, signs in, does the work, signs out.
    func acting<Result>(_ body: (Vault, Acting) throws -> Result) throws -> Result {
        try Self.acting(as: name, secretsFd: secretsFd, at: vault, body)
    }

    /// The same for a command that asks who acts only for some of what it does.
    static func acting<Result>(
        as name: String, secretsFd: Int32?, at options: VaultOptions, _ body: (Vault, Acting) throws -> Result
    ) throws -> Result {
        try acting(
            as: name, secretsFd: secretsFd, at: options,
            signIn: { try $0.signIn(name: name, password: $1, code: $2) }, body)
    }

    /// The same with another way of signing in.
    ///
    /// - Parameter behind: whether a vault is opened that is behind what is known of it.
    static func acting<Result>(
        as name: String, secretsFd: Int32?, at options: VaultOptions, behind: Bool = false,
        signIn: (Vault, _ password: String, _ code: String) throws -> Acting, _ body: (Vault, Acting) throws -> Result
    ) throws -> Result {
        let vault = try Vault(opening: options.location, behind: behind)
        defer { vault.shutdown() }
        let password: String
        let code: String
        if let secretsFd {
            let line = try SecretLines(descriptor: secretsFd).next()
            (password, code) = (line.password ?? "", line.code ?? "")
        } else {
            password = try Terminal.askSecret("Password of \(name)")
            code = try Terminal.ask("Code from the authenticator")
        }
        let acting = try signIn(vault, password, code)
        let result = try body(vault, acting)
        do throws(VaultError) { try vault.signOut(acting) } catch {
            // What was asked for is done and recorded; only its end is not.
            Terminal.say("note: the end of the session could not be recorded (\(error.code)).", to: .standardError)
        }
        return result
    }
}
