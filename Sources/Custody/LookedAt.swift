import Foundation
package import Records
import Sandbox
import Synchronization

/// A payload that is looked at, by whoever may.
struct ViewedContent: Sendable {
    let payload: PayloadReader
    let document: DocumentID
    let session: SessionID
    let mediaType: String
    let pages: Int?

    static let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

    fileprivate var place: LookedAt.Place { LookedAt.Place(session: session, document: document) }
}

/// What is looked at now, in memory: the page that comes next, drawn before it is asked for, and Word documents as they were laid
/// out. Each for one session and document, and for a minute after the last look.
final class LookedAt: Sendable {
    struct Place: Hashable {
        let session: SessionID
        let document: DocumentID
    }

    struct Picture {
        let page: Int
        let width: Int
        let bytes: [UInt8]
    }

    private struct Kept {
        var word: WordPages?
        var next: Picture?
        var used: MonotonicTime
    }

    private struct State {
        var kept: [Place: Kept] = [:]
        /// The page that is being drawn ahead.
        var drawing: (place: Place, page: Int, width: Int)?
    }

    private let state = Mutex(State())
    private let ahead = DispatchQueue(label: "strongroom.pages-ahead")
    private let laying = NSLock()
    /// So many are kept at once, and so large a picture.
    private static let most = 8
    private static let mostOfPicture = 4 << 20

    /// A Word document as it was laid out for this place, or is now: one at a time.
    func word(_ place: Place, at now: MonotonicTime, _ layOut: () throws -> WordPages) throws -> WordPages {
        try laying.withLock {
            if let known = state.withLock({ $0.kept[place]?.word }) {
                change(place, now) { _ in }
                return known
            }
            let word = try layOut()
            change(place, now) { $0.word = word }
            return word
        }
    }

    /// The picture that was drawn ahead, where it is this one. Of one that is being drawn, its end is waited for.
    func takeNext(_ place: Place, page: Int, width: Int) -> [UInt8]? {
        let isDrawn = state.withLock { $0.drawing.map { $0 == (place, page, width) } ?? false }
        if isDrawn { ahead.sync {} }
        return state.withLock { state in
            guard let next = state.kept[place]?.next, next.page == page, next.width == width else { return nil }
            state.kept[place]?.next = nil
            return next.bytes
        }
    }

    /// Has a page drawn ahead, unless another is being drawn: what is asked for comes before what may be.
    func prepare(
        _ place: Place, page: Int, width: Int, _ clock: any Records.Clock,
        _ draw: @escaping @Sendable () throws -> [UInt8]
    ) {
        let isFree = state.withLock { state in
            guard state.drawing == nil else { return false }
            state.drawing = (place, page, width)
            return true
        }
        guard isFree else { return }
        ahead.async { [self] in
            // What cannot be drawn is said when it is asked for.
            let bytes = try? draw()
            if let bytes, bytes.count <= Self.mostOfPicture {
                change(place, clock.monotonic()) { $0.next = Picture(page: page, width: width, bytes: bytes) }
            }
            state.withLock { $0.drawing = nil }
        }
    }

    private func change(_ place: Place, _ now: MonotonicTime, _ body: (inout Kept) -> Void) {
        state.withLock { state in
            if state.kept[place] == nil {
                while state.kept.count >= Self.most, let oldest = state.kept.min(by: { $0.value.used < $1.value.used })
                {
                    state.kept[oldest.key] = nil
                }
            }
            var one = state.kept[place] ?? Kept(used: now)
            one.used = now
            body(&one)
            state.kept[place] = one
        }
    }

    /// How many pages of this lie ready, once what is being drawn is drawn.
    func countReady(_ place: Place) -> Int {
        ahead.sync {}
        return state.withLock { $0.kept[place]?.next == nil ? 0 : 1 }
    }

    /// Forgets what a session looked at.
    func drop(_ session: SessionID) {
        state.withLock { $0.kept = $0.kept.filter { $0.key.session != session } }
    }

    /// Forgets what nobody looked at for a minute.
    func dropIdle(_ now: MonotonicTime) {
        state.withLock { $0.kept = $0.kept.filter { now.nanoseconds(since: $0.value.used) < 60_000_000_000 } }
    }
}

extension Vault {
    /// Whether Word documents can be looked at as pages on this machine: LibreOffice is installed.
    public static var drawsWord: Bool { Inspector.drawsWord }

    /// A page as a picture, made in the sandbox over a memory file; pages count from 1. The next one is then drawn ahead.
    ///
    /// - Parameter goOn: asked when the whole is in memory: it throws where nothing may be shown any more.
    func picture(
        of content: ViewedContent, page: Int, width: Int, _ goOn: @escaping @Sendable () throws -> Void
    ) throws -> [UInt8] {
        let ready = lookedAt.takeNext(content.place, page: page, width: width)
        if ready != nil { try goOn() }
        let picture = try ready ?? draw(content, page: page, width: width, goOn)
        if page < (try pages(of: content, goOn)) {
            lookedAt.prepare(content.place, page: page + 1, width: width, clock) { [self] in
                let bytes = try draw(content, page: page + 1, width: width, goOn)
                // What a session looked at is gone with it: so is what was drawn while it ended.
                try goOn()
                return bytes
            }
        }
        return picture
    }

    /// How many pages of a document lie ready for a session, for tests.
    package func pagesReady(of document: DocumentID, for session: SessionID) -> Int {
        lookedAt.countReady(LookedAt.Place(session: session, document: document))
    }

    /// How many pages can be looked at.
    func pages(of content: ViewedContent, _ goOn: () throws -> Void) throws -> Int {
        guard content.mediaType == ViewedContent.word else { return content.pages ?? 1 }
        return try word(content, goOn).count
    }

    private func draw(
        _ content: ViewedContent, page: Int, width: Int, _ goOn: () throws -> Void
    ) throws -> [UInt8] {
        guard page >= 1, page <= (try pages(of: content, goOn)) else { throw VaultError.notFound }
        guard content.mediaType != ViewedContent.word else {
            let word = try word(content, goOn)
            try goOn()
            return try shown {
                try sandbox().picture(of: word.pdf, mediaType: "application/pdf", page: page, width: width)
            }
        }
        return try looking(at: content, goOn) { memory in
            try sandbox().picture(of: memory, mediaType: content.mediaType, page: page, width: width)
        }
    }

    private func word(_ content: ViewedContent, _ goOn: () throws -> Void) throws -> WordPages {
        try lookedAt.word(content.place, at: clock.monotonic()) {
            try looking(at: content, goOn) { memory in try sandbox().pages(ofWord: memory) }
        }
    }

    /// The whole text of what is looked at as text.
    func text(of content: ViewedContent, _ goOn: () throws -> Void) throws -> String {
        try looking(at: content, goOn) { memory in
            try sandbox().text(of: memory, mediaType: content.mediaType, pages: 1...max(1, content.pages ?? 1))
        }
    }

    private func looking<Result>(
        at content: ViewedContent, _ goOn: () throws -> Void, _ body: (borrowing MemoryFile) throws -> Result
    ) throws -> Result {
        try shown {
            let length = content.payload.plaintextLength
            var copy = try InspectionCopy.whole(length, in: budget)
            try content.payload.read(0..<length) { try copy.append($0) }
            try copy.seal()
            try goOn()
            return try body(copy.memory)
        }
    }

    /// Tells a page that cannot be drawn from a sandbox that is not there.
    private func shown<Result>(_ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let error as SandboxError {
            switch error {
            case .timedOut, .crashed, .tooLarge, .noPictures, .unsealed:
                throw Refusal(
                    code: "page.not-shown", message: "This page cannot be made into a picture.",
                    hint: "The document itself is safe. Download the original to look at it.")
            case .outOfRange: throw VaultError.notFound
            case .memory, .unavailable, .abandoned: throw error
            }
        }
    }
}
