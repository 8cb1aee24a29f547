import ArgumentParser
import Custody
import Foundation
import Records

/// `strongroom station`
struct StationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "station", abstract: "Scan stations: programs that upload, and read nothing.",
        subcommands: [Add.self, List.self, Withdraw.self])

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a scan station; its token is shown once.")
        @OptionGroup var acting: ActingOptions
        @Option(name: .customLong("name"), help: "What people call it.")
        var newName: String
        @Option(help: "The reference of a pupil that it may file for; may be repeated.")
        var pupil: [String] = []
        @Flag(help: "It may put scans into the intake queue.")
        var intake = false
        @Option(help: "For how many days, 1 to 366.")
        var days = 30
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            let (station, token) = try acting.acting { vault, acting in
                try vault.addStation(
                    NewStation(name: newName, pupils: pupil, intake: intake, days: days), as: acting)
            }
            if json {
                struct Answer: Encodable { let station, token, expires: String }
                try Terminal.json(
                    Answer(station: station.id.text, token: token, expires: station.expires.iso8601))
                return
            }
            Terminal.say("Made, until \(station.expires.iso8601). Its token, shown only now:\n\n  \(token)\n")
            Terminal.say("Whoever has it can upload, and can read nothing. Withdraw the station if it is lost.")
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every scan station.")
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON, a line a station.")
        var json = false

        func run() throws {
            for station in try acting.acting({ vault, acting in try vault.stations(as: acting) }) {
                if json {
                    struct Answer: Encodable {
                        let station, name, expires: String
                        let withdrawn: String?
                        let pupils: [String]
                        let intake, active: Bool
                    }
                    try Terminal.json(
                        Answer(
                            station: station.id.text, name: station.name, expires: station.expires.iso8601,
                            withdrawn: station.withdrawn?.iso8601, pupils: station.pupils, intake: station.intake,
                            active: station.isActive))
                } else {
                    let state = station.isActive ? "until \(station.expires.iso8601)" : "ended"
                    let pupils = station.pupils + (station.intake ? ["the intake queue"] : [])
                    Terminal.say("\(station.id.text)  \(station.name), \(state): \(pupils.joined(separator: ", "))")
                }
            }
        }
    }

    struct Withdraw: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Withdraw a scan station, at once and for good, and list what it filed.")
        @Argument(help: "The station's id.")
        var station: String
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON, a line for each that it filed.")
        var json = false

        func run() throws {
            guard let id = PersonID(text: station.lowercased()) else { throw VaultError.notFound }
            let work = try acting.acting { vault, acting in
                try vault.withdrawStation(id, as: acting)
                return try vault.work(of: id, as: acting)
            }
            if !json { Terminal.say("Withdrawn. It filed \(work.count):") }
            for line in work { try showFiled(line, json: json) }
        }
    }
}

/// `strongroom batch`
struct BatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "batch", abstract: "Batches: work that belongs together.",
        subcommands: [Open.self, Close.self, List.self])

    private struct Answer: Encodable {
        let batch, opened: String
        let number, documents: Int
        let closed: String?

        init(_ made: Batch) {
            batch = made.id.text
            opened = made.opened.iso8601
            number = made.number
            documents = made.documents
            closed = made.closed?.iso8601
        }
    }

    private static func show(_ batch: Batch, json: Bool) throws {
        if json { return try Terminal.json(Answer(batch)) }
        let state = batch.closed.map { "closed \($0.iso8601)" } ?? "open"
        Terminal.say("\(batch.id.text)  batch \(batch.number), \(state), \(batch.documents) documents")
    }

    struct Open: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Open a batch, or say which one is open.")
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON.")
        var json = false

        func run() throws {
            try BatchCommand.show(acting.acting { vault, acting in try vault.openBatch(as: acting) }, json: json)
        }
    }

    struct Close: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Close your open batch, and list what it holds.")
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON, a line a document.")
        var json = false

        func run() throws {
            let lines = try acting.acting { vault, acting in
                guard let open = try vault.currentBatch(as: acting) else {
                    throw VaultError.refused(
                        Refusal(
                            code: "batch.none-open", message: "You have no batch open.",
                            hint: "strongroom batch open opens one."))
                }
                try vault.closeBatch(open.id, as: acting)
                return try vault.documents(in: open.id, as: acting).lines
            }
            for line in lines { try showFiled(line, json: json) }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Your own batches, newest first.")
        @OptionGroup var acting: ActingOptions
        @Flag(help: "Answer as JSON, a line a batch.")
        var json = false

        func run() throws {
            for batch in try acting.acting({ vault, acting in try vault.batches(as: acting) }) {
                try BatchCommand.show(batch, json: json)
            }
        }
    }
}

private func showFiled(_ line: FiledLine, json: Bool) throws {
    if json {
        struct Answer: Encodable {
            let document, pupil, through: String?
            let uploader, recorded: String
            let index: UInt64
            let quarantined: Bool
        }
        try Terminal.json(
            Answer(
                document: line.document?.text, pupil: line.pupil, through: line.filer.through,
                uploader: line.filer.uploader,
                recorded: line.recorded.iso8601, index: line.index, quarantined: line.quarantined))
    } else {
        let what = line.document.map { "document \($0.text) for \(line.pupil ?? "")" } ?? "a scan in the intake queue"
        Terminal.say("\(line.recorded.iso8601)  statement \(line.index): \(what), by \(line.filer.text)")
    }
}
