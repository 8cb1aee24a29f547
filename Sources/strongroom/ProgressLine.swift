import Foundation
import Glibc
import Records
import Synchronization

/// How far some files are, all together and the one that moved last: one line on a terminal, nothing elsewhere.
final class ProgressLine: Sendable {
    private struct State {
        var sizes: [UInt64]
        /// Bytes of files that are on their way.
        var open: [Int: UInt64] = [:]
        var endedFiles = 0
        var endedBytes: UInt64 = 0
        /// Bytes moved since the beginning, without those that were there before.
        var worked: UInt64 = 0
        var current = ""
        var currentNumber: Int?
        var isPausing = false
        var drawn: ContinuousClock.Instant?
    }

    private let total: UInt64
    private let began = ContinuousClock.now
    private let isShown = isatty(STDERR_FILENO) == 1
    private let state: Mutex<State>

    init(sizes: [UInt64]) {
        total = sizes.reduce(0, +)
        state = Mutex(State(sizes: sizes))
    }

    /// A file is so far now; `isWork` where that took time just now.
    func moved(_ file: Int, _ name: String, to bytes: UInt64, isWork: Bool = true) {
        guard isShown else { return }
        state.withLock { state in
            let before = state.open[file] ?? 0
            if isWork && bytes > before { state.worked += bytes - before }
            state.open[file] = bytes
            (state.current, state.currentNumber, state.isPausing) = (visible(name), file, false)
            draw(&state)
        }
    }

    /// Nothing gets on for the moment.
    func pausing() {
        guard isShown else { return }
        state.withLock { state in
            state.isPausing = true
            draw(&state, atOnce: true)
        }
    }

    /// A file is done with, one way or the other.
    func ended(_ file: Int) {
        guard isShown else { return }
        state.withLock { state in
            state.open[file] = nil
            state.endedFiles += 1
            state.endedBytes += state.sizes[file]
            if state.currentNumber == file { state.currentNumber = nil }
            draw(&state, atOnce: true)
        }
    }

    /// Takes the line away.
    func end() { Terminal.clearLine() }

    private func draw(_ state: inout State, atOnce: Bool = false) {
        if let drawn = state.drawn, !atOnce, .now - drawn < .milliseconds(100) { return }
        state.drawn = .now
        let done = min(state.endedBytes + state.open.values.reduce(0, +), total)
        var words = "\(state.endedFiles) of \(state.sizes.count) files, \(Self.size(done)) of \(Self.size(total))"
        if state.isPausing {
            words += ", waiting for the server"
        } else if let left = secondsLeft(state.worked, total - done) {
            words += ", \(Self.time(left)) left"
        }
        if let number = state.currentNumber, let bytes = state.open[number], state.sizes[number] > 0 {
            words += " · \(state.current) \(min(100 * bytes / state.sizes[number], 100)) %"
        }
        Terminal.drawLine(total == 0 ? 1 : Double(done) / Double(total), words)
    }

    private func secondsLeft(_ worked: UInt64, _ rest: UInt64) -> Double? {
        let spent = (ContinuousClock.now - began) / .seconds(1)
        guard spent > 2, worked > 0 else { return nil }
        return spent / Double(worked) * Double(rest)
    }

    private static func time(_ seconds: Double) -> String {
        switch seconds {
        case ..<100: "\(Int(seconds.rounded(.up))) s"
        case ..<6000: "\(Int((seconds / 60).rounded(.up))) min"
        default: "\(Int((seconds / 3600).rounded(.up))) h"
        }
    }

    private static func size(_ bytes: UInt64) -> String {
        switch bytes {
        case ..<10_240: "\(bytes) B"
        case ..<(10 << 20): "\(bytes >> 10) KiB"
        default: "\(bytes >> 20) MiB"
        }
    }
}

extension Terminal {
    private static let isLineShown = Mutex(false)

    /// Draws the one line of progress over what it was.
    static func drawLine(_ share: Double, _ words: String) {
        isLineShown.withLock { isShown in
            isShown = true
            var window = winsize()
            let columns = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &window) == 0 ? Int(window.ws_col) : 0
            let filled = Int(20 * min(max(share, 0), 1))
            let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 20 - filled)
            let line = "\(bar) \(Int(100 * share)) %  \(words)"
            let shown = columns > 0 ? String(line.prefix(columns - 1)) : line
            try? FileHandle.standardError.write(contentsOf: Data("\r\(shown)\u{1B}[K".utf8))
        }
    }

    /// Takes the line of progress away, so that something else can be said.
    static func clearLine() {
        isLineShown.withLock { isShown in
            if isShown { try? FileHandle.standardError.write(contentsOf: Data("\r\u{1B}[K".utf8)) }
            isShown = false
        }
    }
}
