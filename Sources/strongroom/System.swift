import CLinux
import Foundation
import Glibc
import Logging
import ServiceLifecycle

/// The journal, where systemd gave this program its end of it: each line begins with its priority, and has no time of its own.
enum Journal {
    /// A line's priority, as syslog counts.
    enum Priority: Int {
        case error = 3
        case warning = 4
        case info = 6
    }

    /// Whether what is written to standard error goes there: a program that is started with its own output elsewhere has the
    /// variable too. Both say the number of the socket.
    static let isThere: Bool = {
        let output = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/2")
        guard let named = ProcessInfo.processInfo.environment["JOURNAL_STREAM"], let output,
            let number = named.split(separator: ":").last
        else { return false }
        return output.hasSuffix(":[\(number)]")
    }()

    /// A text with the priority on each of its lines, where it goes to the journal.
    static func marked(_ text: String, _ priority: Priority) -> String {
        guard isThere else { return text }
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { "<\(priority.rawValue)>\($0)" }
            .joined(separator: "\n")
    }
}

/// Writes for the journal: what was said, and what was said with it, on one line.
struct JournalLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.warning

    func log(event: LogEvent) {
        let more = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let line = (["\(event.message)"] + more.map { "\($0.key)=\($0.value)" }).joined(separator: " ")
        let priority: Journal.Priority =
            switch event.level {
            case .error, .critical: .error
            case .warning: .warning
            default: .info
            }
        let single = line.split(separator: "\n").joined(separator: " ")
        try? FileHandle.standardError.write(contentsOf: Data((Journal.marked(single, priority) + "\n").utf8))
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }
}

/// What systemd is told of a unit of `Type=notify`: datagrams to the socket that it named. Nothing where it named none.
struct Systemd: Sendable {
    private let socket: String?
    /// How often it wants to hear that the program lives; nil where it does not watch this process.
    private let watchdog: Duration?

    init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        socket = environment["NOTIFY_SOCKET"]
        let isMeant = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
        watchdog = environment["WATCHDOG_USEC"].flatMap(Int64.init).flatMap {
            isMeant && $0 > 0 ? .microseconds($0) : nil
        }
    }

    /// Says one thing, such as `READY=1`. What nobody hears is not said again.
    func say(_ message: String) {
        guard let socket else { return }
        _ = strongroom_notify(socket, message)
    }

    /// Says while the server runs that it lives, twice as often as it has to, and at its end that it stops.
    struct Presence: Service {
        let systemd: Systemd

        func run() async throws {
            await cancelWhenGracefulShutdown {
                let pause = systemd.watchdog.map { $0 / 2 } ?? .seconds(3600)
                while (try? await Task.sleep(for: pause)) != nil {
                    if systemd.watchdog != nil { systemd.say("WATCHDOG=1") }
                }
            }
            systemd.say("STOPPING=1")
        }
    }
}
