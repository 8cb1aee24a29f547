import Custody
import Dispatch
import HTTPTypes
import Hummingbird
import NIOCore
import Papers
import Records
import Synchronization

// Copies for an agency. A pack is written by a thread that blocks, and goes out over a connection that does not: a few parts
// are ahead of it, and no more. Before each goes out it is asked whether the officer may still have it. Where the connection
// breaks, the next part finds nobody to take it, the writing ends there, and the vault records that it was interrupted.

struct AgencyCopiesPage {
    struct Line {
        let reference: String
        let summary: String
        let size: String
        let sha256: String
    }
    let chrome: Chrome
    let refused: String?
    let fileName: String
    let isSealed: Bool
    let count: String
    let size: String
    let left: String?
    let isLast: Bool
    let allowed: String
    let isPermitted: Bool
    let lines: [Line]
    let received: String?
    let contact: String
    let csrf: String
}

func showCopies(_ visit: Visit, _ agency: AgencySession) -> Reply { copiesPage(visit, agency) }

private func copiesPage(_ visit: Visit, _ agency: AgencySession, refusing problem: Problem? = nil) -> Reply {
    let (terms, words) = (agency.terms, visit.words)
    let isSealed = !terms.recipient.isEmpty
    func times(_ count: UInt64) -> String { words.count(Int(clamping: count), "time") }
    let refused = problem.map { "\($0.title) \($0.advice)" }
    return visit.page(
        .agencyCopies,
        AgencyCopiesPage(
            chrome: visit.chrome(
                "Copies", back: Link(href: "/agency", text: "the documents"),
                problems: refused.map { [ProblemLink(href: "#copies", text: $0)] } ?? []),
            refused: refused, fileName: "pack-\(terms.reference).zip" + (isSealed ? ".age" : ""), isSealed: isSealed,
            count: words.count(terms.exhibits.count, "document"),
            size: words.size(terms.exhibits.reduce(0) { $0 + $1.size }),
            left: agency.copiesLeft == 0 ? nil : times(agency.copiesLeft), isLast: agency.copiesLeft == 1,
            allowed: times(terms.copies),
            isPermitted: terms.copies > 0,
            lines: terms.exhibits.map {
                AgencyCopiesPage.Line(
                    reference: $0.reference, summary: $0.summary, size: words.size($0.size), sha256: $0.sha256)
            }, received: agency.acknowledged.map(words.moment), contact: terms.contact, csrf: agency.csrf),
        status: problem?.status ?? .ok)
}

/// Streams the pack: recorded before its first byte, and what fails midway is cut off.
func takeCopies(_ visit: Visit, _ agency: AgencySession) async throws -> Reply {
    guard agency.copiesLeft > 0 else { return copiesPage(visit, agency, refusing: .noCopiesLeft) }
    guard let place = visit.site.issueDesk.place() else {
        return copiesPage(visit, agency, refusing: Problem(.vault(.busy)))
    }
    let pack: AgencyPack
    do {
        pack = try await withTaskExecutorPreference(place.threads) {
            try agency.pack(section9: visit.site.sectionNine.draft(agency.terms))
        }
    } catch is PaperError {
        return copiesPage(visit, agency, refusing: .noDraft)
    } catch VaultError.refused(let refusal) {
        return copiesPage(visit, agency, refusing: Problem(.vault(.refused(refusal))))
    }
    let download = PackDownload(pack, at: place, isOpen: { agency.isActive }, keepOn: keepsOn(visit))
    var reply = Reply(contentType: "application/octet-stream")
    reply.body = ResponseBody(contentLength: pack.byteCount.map { Int($0) }) { try await download.send(to: &$0) }
    reply.headers[.contentDisposition] = "attachment; filename=\"\(pack.fileName)\""
    return reply
}

/// Goes on with an officer's session while they take what is on its way to them: to take it is no idleness.
private func keepsOn(_ visit: Visit) -> @Sendable () throws -> Void {
    let (vault, clock, token) = (visit.vault, visit.site.clock, visit.request.cookie(.agency) ?? "")
    let noted = Mutex(clock.monotonic())
    return {
        let now = clock.monotonic()
        let isDue = noted.withLock { noted in
            guard now.nanoseconds(since: noted) > 60_000_000_000 else { return false }
            noted = now
            return true
        }
        if isDue, try vault.agencySession(token) == nil { throw Fault.agencyEnded }
    }
}

extension Problem {
    fileprivate static var noCopiesLeft: Problem {
        Problem(
            .vault(
                .refused(
                    Refusal(
                        code: "permission.no-copies", message: "No more copies can be taken under this permission.",
                        hint: "Ask the school if you need them once more. Nothing was counted."))))
    }

    fileprivate static var noDraft: Problem {
        Problem(
            .vault(
                .refused(
                    Refusal(
                        code: "permission.no-draft", message: "The draft statement of the pack could not be made.",
                        hint: "Nothing was taken, and nothing was counted. Try again in a few minutes."))))
    }
}

/// Where packs are made and handed out: a few at a time, each on a thread that nothing else needs until all of it is taken.
final class IssueDesk: Sendable {
    private static let places = 4
    let threads = BlockingThreads(count: places)
    private let taken = Mutex(0)

    /// A place at it, given back when it is dropped; nil where all are taken.
    func place() -> IssuePlace? {
        let isFree = taken.withLock { taken in
            guard taken < Self.places else { return false }
            taken += 1
            return true
        }
        return isFree ? IssuePlace(self) : nil
    }

    fileprivate func giveBack() { taken.withLock { $0 -= 1 } }
}

/// A place at the desk.
final class IssuePlace: Sendable {
    private let desk: IssueDesk

    fileprivate init(_ desk: IssueDesk) { self.desk = desk }

    deinit { desk.giveBack() }

    var threads: BlockingThreads { desk.threads }
}

/// A pack on its way over a connection.
final class PackDownload: Sendable {
    private let pack: AgencyPack
    private let place: IssuePlace
    private let isOpen: @Sendable () -> Bool
    private let keepOn: @Sendable () throws -> Void
    private let begun = Mutex(false)

    /// - Parameters:
    ///   - isOpen: whether the officer may still have it; asked before each part goes out, where nothing may block.
    ///   - keepOn: goes on with their session; called before each part is made.
    init(
        _ pack: AgencyPack, at place: IssuePlace, isOpen: @escaping @Sendable () -> Bool,
        keepOn: @escaping @Sendable () throws -> Void
    ) {
        self.pack = pack
        self.place = place
        self.isOpen = isOpen
        self.keepOn = keepOn
    }

    /// Where the connection was gone before it could begin.
    deinit { if !begun.withLock({ $0 }) { pack.abandon() } }

    /// Bytes that are handed over at once: what is stopped stops within them.
    private static let part = 1 << 16

    func send(to writer: inout any ResponseBodyWriter) async throws {
        begun.withLock { $0 = true }
        let (parts, queue) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream()
        let handover = Handover()
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { handover.stop() }
            group.addTask(executorPreference: place.threads) { [pack, keepOn] in
                do {
                    try pack.write { bytes in
                        for start in stride(from: 0, to: bytes.count, by: Self.part) {
                            try keepOn()
                            try handover.waitForRoom()
                            let end = min(start + Self.part, bytes.count)
                            queue.yield(ByteBuffer(bytes: UnsafeRawBufferPointer(rebasing: bytes[start..<end])))
                        }
                    } whole: {
                        try handover.waitUntilAllTaken()
                    }
                    queue.finish()
                } catch {
                    queue.finish(throwing: error)
                }
            }
            for try await part in parts {
                guard isOpen() else { throw Fault.agencyEnded }
                try await writer.write(part)
                handover.taken()
            }
            // A stream that is cancelled ends as one that is whole.
            try Task.checkCancellation()
        }
        try await writer.finish(nil)
    }
}

/// Lets whoever makes parts be a few ahead of whoever takes them.
private final class Handover: Sendable {
    private static let ahead = 4
    private let room = DispatchSemaphore(value: 0)
    private let stopped = Mutex(false)

    init() { for _ in 0..<Self.ahead { room.signal() } }

    func taken() { room.signal() }

    /// Nobody takes anything any more.
    func stop() {
        stopped.withLock { $0 = true }
        room.signal()
    }

    func waitForRoom() throws(Fault) {
        room.wait()
        if stopped.withLock({ $0 }) {
            // The next who waits is let through, too.
            room.signal()
            throw .agencyEnded
        }
    }

    /// Nothing can be made after this.
    func waitUntilAllTaken() throws(Fault) { for _ in 0..<Self.ahead { try waitForRoom() } }
}
