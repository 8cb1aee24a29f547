import Custody
import Foundation
import HTTPTypes
import Records
import Synchronization

/// What is counted of requests: by the pattern of their address, never by an address itself, and nothing of who asks.
///
/// Kept in memory; a restart begins at nought.
final class Measures: Sendable {
    /// The pattern of an address, and the method, of a fixed list.
    struct Kind: Hashable, Comparable {
        let method: String
        let route: String

        /// Which requests were for one route. What is done with restricted documents looks alike from outside: it is one kind.
        init(_ route: Route?, _ method: HTTPRequest.Method) {
            let path = route?.path ?? ""
            if path.hasPrefix("/restricted") {
                self.init(method: "any", route: "/restricted")
            } else {
                // Without a route the method is whatever somebody sent.
                self.init(method: route == nil ? "other" : route.map { $0.method.rawValue } ?? "", route: path)
            }
        }

        private init(method: String, route: String) {
            self.method = method
            self.route = route
        }

        static func < (one: Kind, other: Kind) -> Bool { (one.route, one.method) < (other.route, other.method) }
    }

    private struct Counted {
        /// By the first digit of the status.
        var classes: [Int: UInt64] = [:]
        var buckets = [UInt64](repeating: 0, count: Measures.bounds.count)
        var count: UInt64 = 0
        var seconds = 0.0
    }

    /// Seconds until an answer begins, each bucket up to and with one of these.
    static let bounds = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10, 60]

    private let counted = Mutex<[Kind: Counted]>([:])

    /// Counts a request that was answered.
    func note(_ route: Route?, _ method: HTTPRequest.Method, status: HTTPResponse.Status, seconds: Double) {
        let kind = Kind(route, method)
        counted.withLock { all in
            var one = all[kind] ?? Counted()
            one.classes[status.code / 100, default: 0] += 1
            if let bucket = Self.bounds.firstIndex(where: { seconds <= $0 }) { one.buckets[bucket] += 1 }
            one.count += 1
            one.seconds += seconds
            all[kind] = one
        }
    }

    /// All of it as Prometheus reads it (text format 0.0.4), with how the vault stands.
    func text(_ gauges: Gauges?, _ readiness: Readiness?, memory: UInt64) -> String {
        var page = Exposition()
        page.family("strongroom_up", "gauge", "Whether the server runs.", [([:], 1)])
        if let readiness {
            page.family(
                "strongroom_ready", "gauge", "Whether it can do its work, by what that needs.",
                readiness.checks.map { (["check": $0.code], $0.isWell ? 1 : 0) })
        }
        let all = counted.withLock { $0 }.sorted { $0.key < $1.key }
        page.family(
            "strongroom_requests_total", "counter", "Requests answered, by pattern of address and class of status.",
            all.flatMap { kind, one in
                one.classes.sorted { $0.key < $1.key }.map { status, count in
                    (["method": kind.method, "route": kind.route, "class": "\(status)xx"], Double(count))
                }
            })
        page.head("strongroom_request_seconds", "histogram", "Seconds until an answer began.")
        for (kind, one) in all {
            let labels = ["method": kind.method, "route": kind.route]
            var sum: UInt64 = 0
            for (bound, count) in zip(Self.bounds, one.buckets) {
                sum += count
                page.line("strongroom_request_seconds_bucket", labels.with("le", "\(bound)"), Double(sum))
            }
            page.line("strongroom_request_seconds_bucket", labels.with("le", "+Inf"), Double(one.count))
            page.line("strongroom_request_seconds_sum", labels, one.seconds)
            page.line("strongroom_request_seconds_count", labels, Double(one.count))
        }
        page.family(
            "strongroom_memory_bytes", "gauge", "Memory of the server that no file is behind (RssAnon).",
            [([:], Double(memory))])
        if let gauges { page.add(gauges) }
        return page.text
    }
}

/// Prometheus's text format. Labels here are our own words; what they may not hold is written as the format says all the same.
private struct Exposition {
    private(set) var text = ""

    mutating func head(_ name: String, _ type: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func line(_ name: String, _ labels: [String: String], _ value: Double) {
        let quoted = labels.sorted { $0.key < $1.key }.map { key, value in
            let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
            return "\(key)=\"\(escaped)\""
        }
        let whole = value == value.rounded() && abs(value) < 1e15
        text += "\(name)\(quoted.isEmpty ? "" : "{\(quoted.joined(separator: ","))}") "
        text += whole ? "\(Int64(value))\n" : "\(value)\n"
    }

    mutating func family(_ name: String, _ type: String, _ help: String, _ lines: [([String: String], Double)]) {
        head(name, type, help)
        for (labels, value) in lines { line(name, labels, value) }
    }

    mutating func add(_ gauges: Gauges) {
        func age(_ time: Int64?) -> [([String: String], Double)] {
            time.map { [([:], Double(max(0, gauges.now.milliseconds - $0)) / 1000)] } ?? []
        }
        family("strongroom_statements", "gauge", "Statements in the ledger.", [([:], Double(gauges.statements))])
        family(
            "strongroom_checkpoint_age_seconds", "gauge", "Since the newest checkpoint was signed.",
            age(gauges.checkpoint.milliseconds))
        family(
            "strongroom_witness_age_seconds", "gauge", "Since the witness copy of the checkpoint was written.",
            age(gauges.witness?.milliseconds))
        family(
            "strongroom_backup_age_seconds", "gauge",
            "Since the newest backup was verified; not there before the first.",
            age(gauges.backup?.milliseconds))
        family(
            "strongroom_uploads", "gauge", "Uploads by their state.",
            gauges.uploads.sorted { $0.key < $1.key }.map { (["state": $0.key], Double($0.value)) })
        family(
            "strongroom_verdicts_total", "counter", "What the inspection of uploads came to.",
            ["accepted", "quarantined", "refused", "waiting"].map {
                (["outcome": $0], Double(gauges.verdicts[$0] ?? 0))
            })
        if let inspectors = gauges.inspectors {
            family(
                "strongroom_inspectors", "gauge", "Inspectors in their sandboxes.",
                [(["state": "busy"], Double(inspectors.busy)), (["state": "ready"], Double(inspectors.ready))])
        }
        family(
            "strongroom_password_hashes", "gauge", "Passwords being hashed, or waiting for that.",
            [([:], Double(gauges.hashes.inside))])
        family(
            "strongroom_password_hashes_most", "gauge", "The most that may; more are asked to try again.",
            [([:], Double(gauges.hashes.most))])
        family("strongroom_sessions", "gauge", "Sessions that are open.", [([:], Double(gauges.sessions))])
        family("strongroom_room_bytes", "gauge", "Bytes left for uploads.", [([:], Double(gauges.room))])
    }
}

extension [String: String] {
    fileprivate func with(_ key: String, _ value: String) -> [String: String] { merging([key: value]) { $1 } }
}
