import Records
import Testing

/// After everything that the fixtures say.
private let now = Timestamp(milliseconds: 1_000_000)

@Suite struct DecisionTests {
    /// policies/access.yaml as a table: what is asked, and who may.
    @Test func `Each role may do what access_yaml says, and nothing else`() throws {
        var school = try School()
        let file = try school.register()
        let requests: [(Request, Set<Role>)] = [
            (.seeRegister, [.dsl, .deputy, .admin, .staff]), (.managePupils, [.dsl, .deputy]),
            (.managePeople, [.dsl, .accountManager]), (.giveAccess, [.dsl]),
            (.file(file), [.dsl, .deputy, .admin, .staff]), (.readChronology(file), [.dsl, .deputy]),
            (.readDocument(.random(), in: file, .view), [.dsl, .deputy]),
            (.readDocument(.random(), in: file, .download), [.dsl, .deputy]),
            (.seeFigures, [.dsl, .deputy, .panel]), (.manageStations, [.dsl]), (.seeIntake, [.dsl]), (.fillIntake, []),
            (.keepBatch, [.dsl, .deputy, .admin, .staff]),
            (.holdRestricted, [.dsl, .deputy, .panel]),
        ]
        for role in Role.ofPeople {
            let person = try school.add([role])
            for (request, may) in requests {
                let refused = refusalCode {
                    let grant = try decide(request, by: person, at: now, under: school.authority)
                    #expect(grant.person == person && grant.request == request)
                }
                #expect(refused == (may.contains(role) ? nil : "access.not-entitled"), "\(role) \(request)")
            }
        }
        let both = try school.add([.panel, .admin])
        #expect(refusalCode { _ = try decide(.seeFigures, by: both, at: now, under: school.authority) } == nil)
        #expect(refusalCode { _ = try decide(.file(file), by: both, at: now, under: school.authority) } == nil)
    }

    @Test func `Who is unknown or not enrolled may do nothing, and no pupil file but a known one is granted`() throws {
        var school = try School()
        let file = try school.register()
        let new = try school.add([.dsl], enrolled: false)
        let authority = school.authority
        #expect(
            refusalCode { _ = try decide(.seeRegister, by: .random(), at: now, under: authority) }
                == "access.not-entitled")
        #expect(
            refusalCode { _ = try decide(.seeRegister, by: new, at: now, under: authority) }
                == "access.enrolment-unfinished")
        for request in [
            Request.file(.random()), .readChronology(.random()), .readDocument(.random(), in: .random(), .view),
        ] {
            #expect(
                refusalCode { _ = try decide(request, by: school.founder, at: now, under: authority) }
                    == "pupil.unknown")
        }
        #expect(
            refusalCode { _ = try decide(.readChronology(file), by: school.founder, at: now, under: authority) } == nil)
        // Whoever may not read does not learn which files there are.
        let admin = try school.add([.admin])
        #expect(
            refusalCode { _ = try decide(.readChronology(.random()), by: admin, at: now, under: school.authority) }
                == "access.not-entitled")
    }
}

@Suite struct FilingDetailsTests {
    private static let good = FilingDetails(
        summary: "Letter from the school nurse", category: "health", date: "2017-05-11")

    private func code(_ details: FilingDetails, filename: String = "scan0012.pdf", proposed: String? = nil) throws
        -> String?
    {
        let policies = try Policies(files: policyFiles())
        return refusalCode {
            _ = try decide(
                details, filename: filename, proposed: proposed, policies: policies, today: "2026-11-23",
                yesterday: "2026-11-22")
        }
    }

    private func with(_ change: (inout FilingDetails) -> Void) -> FilingDetails {
        var details = Self.good
        change(&details)
        return details
    }

    @Test func `Good details are taken and trimmed, with how the summary came about`() throws {
        let policies = try Policies(files: policyFiles())
        func checked(_ details: FilingDetails, proposed: String?) throws -> CheckedDetails {
            try decide(
                details, filename: "x.pdf", proposed: proposed, policies: policies, today: "2026-11-23",
                yesterday: "2026-11-22")
        }
        let typed = try checked(with { $0.summary = "  Núñez family: first visit \n" }, proposed: nil)
        #expect(typed.details.summary == "Núñez family: first visit" && typed.origin == .typed)
        #expect(typed.date.text == "2017-05-11")
        #expect(try checked(Self.good, proposed: " Letter from the school nurse ").origin == .accepted)
        #expect(try checked(Self.good, proposed: "Nurse").origin == .changed)
        #expect(try checked(Self.good, proposed: "").origin == .typed)
    }

    @Test(arguments: ["", "   ", "\n\t", "\u{00A0}\u{3000}"])
    func `A blank summary is refused`(_ summary: String) throws {
        #expect(try code(with { $0.summary = summary }) == "summary.blank")
    }

    @Test func `A summary has at most 500 characters, as people count them`() throws {
        #expect(try code(with { $0.summary = String(repeating: "é", count: 500) }) == nil)
        #expect(try code(with { $0.summary = String(repeating: "e", count: 501) }) == "summary.too-long")
        #expect(try code(with { $0.signedBy = String(repeating: "e", count: 201) }) == "summary.too-long")
        #expect(try code(with { $0.lateReason = String(repeating: "e", count: 501) }) == "summary.too-long")
    }

    @Test(arguments: ["\u{0}", "\u{1b}[31m", "\u{7f}", "\u{85}", "\u{202E}", "\u{2066}", "\n", "\u{2069}", "\u{9b}"])
    func `Control characters and those that turn the reading direction are refused`(_ bad: String) throws {
        #expect(try code(with { $0.summary = "a\(bad)b" }) == "summary.too-long")
        #expect(try code(with { $0.signedBy = "a\(bad)b" }) == "summary.too-long")
        #expect(try code(with { $0.lateReason = "a\(bad)b" }) == "summary.too-long")
    }

    @Test(arguments: ["scan0012.pdf", "Scan0012", "SCAN 0012", " scan-0012.PDF "])
    func `A summary that is only the file's name is refused`(_ summary: String) throws {
        #expect(try code(with { $0.summary = summary }) == "summary.file-name")
        #expect(try code(with { $0.summary = summary + " from the nurse" }) == nil)
    }

    @Test func `Category, date and signed have to be words the policy knows`() throws {
        #expect(try code(with { $0.category = "" }) == "category.unknown")
        #expect(try code(with { $0.category = "Health" }) == "category.unknown")
        #expect(try code(with { $0.date = "31/02/2017" }) == "date.unreadable")
        #expect(try code(with { $0.date = "" }) == "date.unreadable")
        #expect(try code(with { $0.date = "undated" }) == nil)
        #expect(try code(with { $0.signed = "maybe" }) == "signed.unreadable")
        for word in ["yes", "no", "unknown"] { #expect(try code(with { $0.signed = word }) == nil) }
    }

    @Test func `What was received long ago needs a reason, and nothing is received tomorrow`() throws {
        #expect(try code(with { $0.received = "2026-11-23" }) == nil)
        #expect(try code(with { $0.received = "2026-11-22" }) == nil)
        #expect(try code(with { $0.received = "2026-11-21" }) == "received.late")
        #expect(
            try code(
                with {
                    $0.received = "2026-11-21"; $0.lateReason = "  "
                }) == "received.late")
        #expect(
            try code(
                with {
                    $0.received = "2026-11-21"; $0.lateReason = "The post was late"
                }) == nil)
        #expect(try code(with { $0.received = "2026-11-24" }) == "received.in-future")
        #expect(try code(with { $0.received = "2027" }) == "received.in-future")
        #expect(try code(with { $0.received = "last week" }) == "date.unreadable")
    }
}
