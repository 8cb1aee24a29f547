import GRDB
import Records
import Sealing

extension Vault {
    /// What an act of disclosure says in a chronology, for who holds the pupil file's key; nil for any other act.
    func disclosureWords(
        _ statement: Statement, _ acting: Acting, _ file: borrowing HybridIdentity, _ db: Database
    ) throws -> (title: String, summary: String)? {
        func detail(_ object: [UInt8]) throws -> Detail {
            try disclosureDetail(statement, of: object, acting, file, db)
        }
        func officer(_ detail: Detail) -> String {
            [detail["rank"], detail["officer"], detail["organisation"].map { "of " + $0 }].compactMap { $0 }
                .filter { !$0.isEmpty && $0 != "of " }.joined(separator: " ")
        }
        switch statement.act {
        case .disclosureRequested(let act):
            let detail = try detail(act.request.bytes)
            return (
                "Asked for by an agency",
                "\(act.request.reference): \(officer(detail)) asked for documents. \(detail["purpose"] ?? "")"
            )
        case .disclosureRefused(let id, _):
            return ("Request refused", "\(id.reference): \(try detail(id.bytes)["words"] ?? "")")
        case .permissionGiven(let act):
            let detail = try detail(act.permission.bytes)
            let days = SchoolTime(policies.school.timezone)
            let last = days.day(of: Timestamp(milliseconds: act.until.milliseconds - 1))
            let count = act.documents.count == 1 ? "1 document" : "\(act.documents.count) documents"
            let how = act.copies == 0 ? "look at" : "look at and take copies of"
            return (
                "Permission given",
                "\(act.permission.reference): \(officer(detail)) may \(how) \(count) until \(last)."
            )
        case .permissionWithdrawn(let id, _):
            return ("Permission withdrawn", "\(id.reference): \(try detail(id.bytes)["words"] ?? "")")
        case .permissionEnded(let id, let reason):
            let why =
                switch reason {
                case .expired: "its last day is over"
                case .used: "copies were taken as often as it allows"
                case .codes: "too many wrong codes were tried"
                }
            return ("Permission over", "\(id.reference): \(why).")
        case .permissionEntered(let id, _):
            return ("Permission used", "\(id.reference) was opened with link, code, name and number.")
        case .permissionRefused(let id, let code): return ("Refused", "\(id.reference) was not opened (\(code)).")
        case .permissionAcknowledged(let id, _):
            return ("Received", "What was given under \(id.reference) was acknowledged.")
        case .issueOpened(let act):
            let what =
                act.document.map { "Pages of document \($0.reference) were shown" } ?? "A pack of copies was taken"
            return ("Issued", "\(act.issue.reference): \(what) under \(act.permission.reference).")
        case .issueClosed(let act):
            let size = act.pages > 0 ? "\(act.pages) pages" : "\(act.bytes) bytes"
            var hash = ""
            if act.sealed != nil { hash = try detail(act.issue.bytes)["sha256"].map { ", SHA-256 \($0)" } ?? "" }
            return ("Issue ended", "\(act.issue.reference): \(size)\(act.complete ? "" : ", interrupted")\(hash).")
        case .visitRecorded(let act):
            let detail = try detail(act.visit.bytes)
            return (
                "Read on site",
                "\(act.visit.reference): \(detail["officer"] ?? "") on \(detail["day"] ?? ""), \(detail["time"] ?? ""). \(detail["read"] ?? "")"
            )
        case .visitClosed(let id, let notes, _):
            let words = try detail(id.bytes)["words"] ?? ""
            let what = notes.map { "a copy of their notes is \($0.reference)." } ?? "no notes were taken."
            return ("Visit closed", "\(id.reference): \(what) \(words)".trimmingSpace)
        case .childInformed(let id, let told, _):
            let detail = try detail(id.bytes)
            return told
                ? (
                    "Child told",
                    "\(id.reference): \(detail["words"] ?? "") By \(detail["by"] ?? ""), \(detail["day"] ?? "")."
                )
                : (
                    "Child not told",
                    "\(id.reference): \(detail["words"] ?? "") To be looked at again on \(detail["review"] ?? "")."
                )
        default: return nil
        }
    }

    /// The same without what is sealed, for who looks over what happened lately.
    static func disclosureLine(_ act: Act, _ reference: String) -> String? {
        switch act {
        case .disclosureRequested(let act): "Recorded request \(act.request.reference) of an agency, about \(reference)"
        case .disclosureRefused(let id, _): "Refused request \(id.reference)"
        case .permissionGiven(let act):
            "Gave permission \(act.permission.reference) for \(act.documents.count) documents of \(reference)"
        case .permissionWithdrawn(let id, _): "Withdrew permission \(id.reference)"
        case .permissionEnded(let id, .codes): "Permission \(id.reference) ended: too many wrong codes"
        case .permissionEnded(let id, _): "Permission \(id.reference) is over"
        case .permissionRefused(let id, let code): "Permission \(id.reference) was not opened (\(code))"
        case .issueOpened(let act):
            "\(act.manner == .pack ? "A pack was taken" : "Pages were shown") under \(act.permission.reference)"
        default: nil
        }
    }
}

extension String {
    fileprivate var trimmingSpace: String { hasSuffix(" ") ? String(dropLast()) : self }
}
