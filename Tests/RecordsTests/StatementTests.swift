import Ledger
import Records
import Sealing
import Testing

/// One act of disclosure of every kind, and a second one where a part can be left out.
private func everyDisclosure() -> [Act] {
    let sealed = SealedDetail(detail: .random(), key: .random())
    func permitted() -> PermittedDocument { PermittedDocument(document: .random(), header: .random()) }
    let (first, last) = (Timestamp(milliseconds: 1_795_426_200_042), Timestamp(milliseconds: 1_795_926_200_042))
    return [
        .disclosureRequested(RequestAct(request: .random(), letter: .random(), sealed: sealed)),
        .disclosureRefused(.random(), sealed), .disclosureDelegated(.random(), until: last),
        .delegationEnded(.random()),
        .permissionGiven(
            PermissionAct(
                permission: .random(), request: .random(), identity: .random(), keybox: digest("1"), tag: digest("2"),
                documents: [permitted(), permitted()], letter: permitted(), exhibit: 17, from: first, until: last,
                copies: 2, terms: .random(), sealed: sealed)),
        .permissionWithdrawn(.random(), sealed), .permissionEnded(.random(), .used),
        .permissionEntered(.random(), .random()), .permissionRefused(.random(), code: "wrong"),
        .permissionAcknowledged(.random(), .random()),
        .issueOpened(
            IssueAct(
                issue: .random(), permission: .random(), session: .random(), manner: .view, document: .random())),
        .issueOpened(
            IssueAct(issue: .random(), permission: .random(), session: .random(), manner: .pack, document: nil)),
        .issueClosed(IssueEndAct(issue: .random(), bytes: 5, pages: 0, complete: true, sealed: sealed)),
        .issueClosed(IssueEndAct(issue: .random(), bytes: 5, pages: 2, complete: false, sealed: nil)),
        .visitRecorded(SiteVisitAct(visit: .random(), permission: .random(), sealed: sealed)),
        .visitClosed(.random(), notes: .random(), sealed), .visitClosed(.random(), notes: nil, sealed),
        .childInformed(.random(), told: false, sealed),
    ]
}

/// One act of every kind, and a second one where a part can be left out.
private func everyAct() throws -> [Act] {
    let abilities = Abilities(byRole: [.dsl: [.file, .read], .panel: [], .accountManager: [.managePeople]])
    let twoPeople = TwoPersonRule(acts: Set(TwoPersonAct.allCases), newForDays: 7)
    func edge() -> WrapEdge { WrapEdge(item: .random(), identity: .random(), holder: .random()) }
    let person = PersonAct(
        person: .random(), identity: .random(), verifyingKey: Randomness.bytes(32), nameTag: Randomness.bytes(32),
        roles: [.staff, .admin], keybox: .random(), row: .random(), wraps: [edge(), edge()])
    let code = InvitationCode(key: Randomness.bytes(32), expires: Timestamp(milliseconds: 1_795_426_200_042))
    func share() -> Share { Share(access: .random(), document: .random(), header: .random(), rowKey: .random()) }
    func entryShare() -> EntryShare { EntryShare(access: .random(), entry: .random(), rowKey: .random()) }
    func filing(_ quarantine: String?, _ batch: BatchID?, _ shares: [Share] = []) -> Act {
        .documentFiled(
            FilingAct(
                document: .random(), upload: .random(), payload: School.payload(length: 1 << 40), detail: .random(),
                detailKey: .random(), quarantine: quarantine, batch: batch, shares: shares,
                contentTag: Randomness.bytes(32)))
    }
    func intake(_ quarantine: String?) -> Act {
        .intakeReceived(
            IntakeAct(
                upload: .random(), payload: School.payload(length: 1 << 40), header: .random(), detail: .random(),
                key: .random(), quarantine: quarantine))
    }
    func used(_ newcomer: RecoveryUseAct.Newcomer?) -> Act {
        .recoveryUsed(
            RecoveryUseAct(
                recovery: .random(), person: .random(), identity: .random(), verifyingKey: Randomness.bytes(32),
                keybox: .random(), newcomer: newcomer, wraps: [edge(), edge()],
                suspended: [PersonID.random(), .random()].sorted(), proof: Randomness.bytes(64)))
    }
    return [
        .vaultFounded(
            FoundingAct(
                vault: .random(), origin: "strongroom.invalid/v", serviceKey: Randomness.bytes(32),
                checkpointKey: Randomness.bytes(32), register: .random(), team: .random(), intake: .random(),
                abilities: abilities, acceptableUse: "2026-09", twoPeople: twoPeople, passkeyRoles: [], founder: person)
        ),
        .personInvited(
            InvitationAct(
                person: .random(), nameTag: Randomness.bytes(32), roles: [.admin, .staff], row: .random(), code: code)),
        .personReset(.random(), code), .personReset(.random(), code, roles: [.staff, .deputy]),
        .personJoined(
            JoiningAct(
                person: .random(), identity: .random(), verifyingKey: Randomness.bytes(32), keybox: .random(),
                proof: Randomness.bytes(64))),
        .personEnrolled(.random()),
        .personConfirmed(ConfirmationAct(person: .random(), identity: .random(), wraps: [edge(), edge()])),
        .personConfirmed(ConfirmationAct(person: .random(), identity: .random(), wraps: [], under: .random())),
        .policyAcknowledged(version: "2026-09"), .trainingRecorded(School.training(of: .random())),
        .recoveryCodeUsed(number: 10),
        .passkeyAdded(
            PasskeyAct(passkey: .random(), credential: .random(), credentialHash: digest("1"), row: .random())),
        .passkeyRemoved(.random(), of: .random()), .keyboxRenewed(.random()),
        .accessGiven(
            AccessAct(
                access: .random(), person: .random(), identity: .random(), whole: true,
                expires: Timestamp(milliseconds: 1_795_426_200_042), detail: .random(), detailKey: .random())),
        .accessExtended([share(), share()]), .accessEnded(.random()), filing(nil, nil, [share()]),
        .accessExtended([], entries: [entryShare()]),
        .entryMade(EntryAct(entry: .random(), detail: .random(), detailKey: .random())),
        .entryMade(
            EntryAct(
                entry: .random(), detail: .random(), detailKey: .random(), corrects: .random(), followUp: .random(),
                completes: .random(), shares: [entryShare()])),
        .recoverySet(
            RecoveryAct(
                identity: .random(), verifyingKey: Randomness.bytes(32), threshold: 2,
                shares: [digest("1"), digest("2"), digest("3")], row: .random(), wraps: [edge(), edge()])),
        .recoverySet(
            RecoveryAct(
                identity: .random(), verifyingKey: Randomness.bytes(32), threshold: 2,
                shares: [digest("1"), digest("2")], row: .random(), wraps: [], under: .random())),
        .recoveryDrilled(RecoveryDrillAct(recovery: .random(), shares: [1, 3])),
        used(.init(nameTag: Randomness.bytes(32), row: .random())), used(nil),
        .personSuspended(.random()), .personRestored(.random()), .personSuspended(.random(), under: .random()),
        .personRestored(.random(), under: .random()),
        .proposalMade(ProposalAct(proposal: .random(), what: .keys(.random(), .random()))),
        .proposalMade(
            ProposalAct(proposal: .random(), what: .recoveryKey(.random(), row: .random(), threshold: 2, shares: 3))),
        .proposalMade(ProposalAct(proposal: .random(), what: .suspension(.random()))),
        .proposalMade(ProposalAct(proposal: .random(), what: .restoration(.random()))),
        .proposalAgreed(.random()), .proposalWithdrawn(.random()),
        .pupilRegistered(
            PupilAct(pupil: .random(), reference: "P-7F3KQ", identity: .random(), row: .random(), wraps: [edge()])),
        .policyAdopted(abilities, twoPeople, passkeyRoles: [], acceptableUse: "2026-09"), .signedIn(.random()),
        .policyReviewed(
            PolicyReviewAct(
                version: "2026-09", reviewed: "2026-11-26", due: Timestamp(milliseconds: 1_795_426_200_042),
                panel: [.random(), .random()])),
        .signedOut(.random()),
        .signInFailed(.random(), count: 3),
        .signInFailed(nil, count: 1), filing(nil, nil), filing("pdf.javascript", .random()),
        .batchOpened(.random()), .batchClosed(.random()), .batchPrepared(.random(), row: .random()),
        .sheetsPrinted(.random(), count: 5),
        .batchPresented(PresentationAct(batch: .random(), checker: .random(), plan: digest("plan"), pages: 84)),
        .batchWithdrawn(.random()), .batchChecked(.random(), plan: digest("plan"), pages: 84),
        .batchDoubted(.random(), plan: digest("plan"), answer: digest("answer")),
        .batchSealed(.random(), plan: digest("plan")), .paperMoved(.random(), .out, row: .random()),
        .paperDestroyed(DestructionAct(batch: .random(), certificate: .random(), backup: .random())),
        .backupVerified(BackupAct(backup: .random(), size: 40, root: digest("root"))),
        .vaultContinued(ContinuationAct(branch: .random(), lost: nil)),
        .vaultContinued(ContinuationAct(branch: .random(), lost: .init(size: 60, root: digest("lost")))),
        .checkpointPrinted(.random(), in: .random()), .intakeTaken(.random(), into: .random()),
        .stationAdded(StationAct(party: person, expires: Timestamp(milliseconds: 5), intake: true)),
        .stationAllowed(.random()), .stationWithdrawn(.random()), intake(nil), intake("pdf.javascript"),
        .restrictedActed(RestrictedAct(record: .random(), detail: .random(), brought: nil)),
        .restrictedActed(
            RestrictedAct(
                record: .random(), detail: .random(), brought: .init(upload: .random(), payload: School.payload()))),
        .documentMoved(.random(), to: .random()),
        .quarantineDecided(
            QuarantineAct(
                decision: .random(), document: .random(), released: true,
                detail: SealedDetail(detail: .random(), key: .random()))),
        .intakeRead(.random()), .uploadRefused(.random(), code: "type.empty"),
        .uploadWaiting(.random(), code: "sandbox.unavailable"),
        .uploadDiscarded(.random()), .registerRead(.random()), .chronologyRead(.random()),
        .chronologySearched(.random()), .itemPromoted(7), .itemDemoted(1 << 40),
        .chronologyPrinted(
            PrintAct(print: .random(), session: .random(), lines: 3, detail: .random(), detailKey: .random())),
        .itemsTriaged(
            TriageAct(
                triage: .random(), records: [RecordID.random(), .random()].sorted(), detail: .random(),
                detailKey: .random(), followUps: [.random()])),
        .documentOpened(.random(), .random(), .view), .documentOpened(.random(), .random(), .sealedDownload),
        .documentOpened(.random(), .random(), .comparison),
        .documentOpened(.random(), .random(), .recognition),
        .documentClosed(.random(), .random(), bytes: 5, pages: 2, complete: false),
        .accessRefused(code: "access.not-entitled"), .orphanFound(.random()),
    ] + everyDisclosure()
}

private func statement(_ act: Act, full: Bool = true) -> Records.Statement {
    Statement(
        index: 41, time: Timestamp(milliseconds: 1_795_426_200_042), author: full ? .person(.random()) : .service,
        root: digest("root"), policy: digest("policy"), pupilFile: full ? .random() : nil,
        items: full ? ItemKind.allCases.map { Item(id: .random(), kind: $0, digest: digest($0.rawValue)) } : [],
        fields: full ? ["summary": digest("s"), "date": digest("d")] : [:], act: act)
}

private func object(_ value: CanonicalValue?) throws -> [String: CanonicalValue] {
    guard case .object(let object) = value else { throw StatementError.malformed("object") }
    return object
}

private func parse(_ object: [String: CanonicalValue]) throws -> Records.Statement {
    try Statement(parsing: CanonicalValue.object(object).encoded())
}

@Suite struct StatementTests {
    @Test func `A statement of every kind survives its encoding`() throws {
        let acts = try everyAct()
        #expect(Set(acts.map(\.kind)) == Set(Act.Kind.allCases))
        for act in acts {
            for full in [true, false] {
                let statement = statement(act, full: full)
                let bytes = try statement.encoded()
                #expect(bytes.allSatisfy { (32...126).contains($0) })
                let read = try Statement(parsing: bytes)
                #expect(read == statement)
                #expect(try read.encoded() == bytes)
            }
        }
    }

    @Test func `A statement that lacks a key, or has one more, is refused`() throws {
        let optional: Set = ["pupil_file", "items", "fields"]
        for act in try everyAct() {
            let whole = try object(CanonicalValue(parsing: statement(act).encoded()))
            for key in whole.keys where !optional.contains(key) {
                #expect(throws: StatementError.self, "\(act.kind) without \(key)") {
                    try parse(whole.filter { $0.key != key })
                }
            }
            #expect(throws: StatementError.self) { try parse(whole.merging(["note": .string("x")]) { $1 }) }
            let inner = try object(whole["act"])
            let mayLack: Set =
                switch act.kind {
                case .signInFailed: ["person"]
                case .recoverySet: ["proposal"]
                case .personReset: ["roles"]
                case .recoveryDrilled, .proposalMade, .proposalAgreed, .proposalWithdrawn: []
                case .restrictedActed: ["document"]
                case .accessExtended: ["entries"]
                case .visitClosed: ["notes"]
                case .entryMade: ["corrects", "follow_up", "completes", "shares"]
                default: ["quarantine", "batch", "shares", "newcomer", "proposal"]
                }
            for key in inner.keys where !mayLack.contains(key) {
                #expect(throws: StatementError.self, "\(act.kind) without act.\(key)") {
                    try parse(whole.merging(["act": .object(inner.filter { $0.key != key })]) { $1 })
                }
            }
            let more = inner.merging(["note": .string("x")]) { $1 }
            #expect(throws: StatementError.self, "\(act.kind) with act.note") {
                try parse(whole.merging(["act": .object(more)]) { $1 })
            }
            for key in inner.keys {
                #expect(throws: StatementError.self, "\(act.kind) with a nonsensical act.\(key)") {
                    try parse(whole.merging(["act": .object(inner.merging([key: .array([-7])]) { $1 })]) { $1 })
                }
            }
        }
    }

    @Test func `What encoding would not write is refused, though it says the same`() throws {
        let small = try object(CanonicalValue(parsing: statement(.accessRefused(code: "c"), full: false).encoded()))
        #expect(try parse(small).items.isEmpty)
        #expect(throws: StatementError.self) { try parse(small.merging(["items": .array([])]) { $1 }) }
        #expect(throws: StatementError.self) { try parse(small.merging(["fields": .object([:])]) { $1 }) }
        #expect(throws: StatementError.self) { try parse(small.merging(["index": .integer(-1)]) { $1 }) }
        #expect(throws: StatementError.self) { try parse(small.merging(["v": .integer(2)]) { $1 }) }
        #expect(throws: StatementError.self) { try parse(small.merging(["kind": .string("access.granted")]) { $1 }) }
        #expect(throws: StatementError.self) { try parse(small.merging(["author": .string("root")]) { $1 }) }

        let added = try #require(try everyAct().first { $0.kind == .personInvited })
        let person = try object(CanonicalValue(parsing: statement(added, full: false).encoded()))
        let act = try object(person["act"])
        for roles in [["staff", "admin"], ["admin", "admin", "staff"], ["admin", "headteacher"]] {
            let roles = CanonicalValue.array(roles.map { .string($0) })
            #expect(throws: StatementError.self) {
                try parse(person.merging(["act": .object(act.merging(["roles": roles]) { $1 })]) { $1 })
            }
        }
        let rule = TwoPersonRule(acts: [.makeLead, .suspendLead], newForDays: 7)
        let adopted = Act.policyAdopted(
            Abilities(byRole: [.dsl: [.file, .read]]), rule, passkeyRoles: [.deputy, .dsl], acceptableUse: "2")
        let policy = try object(CanonicalValue(parsing: statement(adopted, full: false).encoded()))
        let whole = try object(policy["act"])
        for words in [["read", "file"], ["file", "file", "read"], ["file", "erase"]] {
            let abilities = CanonicalValue.object(["dsl": .array(words.map { .string($0) })])
            #expect(throws: StatementError.self) {
                try parse(
                    policy.merging(["act": .object(whole.merging(["abilities": abilities]) { $1 })]) { $1 })
            }
        }
        for (acts, days) in [
            (["suspend-lead", "make-lead"], 7), (["make-lead", "make-lead"], 7), (["make-lead", "erase"], 7),
            (["make-lead"], 0), (["make-lead"], 91), (["make-lead"], -7),
        ] as [([String], Int64)] {
            let rule = CanonicalValue.object([
                "acts": .array(acts.map { .string($0) }), "new_for_days": .integer(days),
            ])
            #expect(throws: StatementError.self) {
                try parse(policy.merging(["act": .object(whole.merging(["two_people": rule]) { $1 })]) { $1 })
            }
        }
    }

    @Test func `Bytes that are not canonical JSON are refused`() throws {
        let bytes = try statement(.accessRefused(code: "c")).encoded()
        #expect(throws: StatementError.malformed("json")) { try Statement(parsing: bytes + [32]) }
        #expect(throws: StatementError.malformed("json")) { try Statement(parsing: Array(bytes.dropLast())) }
        #expect(throws: StatementError.malformed("json")) { try Statement(parsing: []) }
        #expect(throws: StatementError.self) { try Statement(parsing: Array("[]".utf8)) }
    }

    @Test func `The service may say only what no person does`() {
        let said = Set(Act.Kind.allCases.filter(\.isService))
        let ofAgency: Set<Act.Kind> = [
            .permissionEnded, .permissionEntered, .permissionRefused, .permissionAcknowledged, .issueOpened,
            .issueClosed,
        ]
        #expect(
            said
                == ofAgency.union([
                    .signInFailed, .orphanFound, .uploadRefused, .uploadWaiting, .signedOut, .documentClosed,
                    .backupVerified,
                ]))
        #expect(Set(Act.Kind.allCases.filter(\.isOfAgency)) == ofAgency)
    }

    @Test func `The rows of a statement are the same every time and fit their tables`() throws {
        for act in try everyAct() {
            let statement = statement(act)
            let rows = Projection.rows(of: statement)
            #expect(try rows == Projection.rows(of: Statement(parsing: statement.encoded())))
            #expect(rows.first?.table == .act)
            #expect(rows.count(where: { $0.table == .act }) == 1)
            for row in rows { #expect(row.cells.count == row.table.columns.count, "\(row.table)") }
            // Primary keys differ, and each row says which statement it is from.
            for table in Projection.allCases {
                let own = rows.filter { $0.table == table }
                #expect(Set(own.map { $0.cells[0] }).count == own.count)
                let place = table.columns.firstIndex(of: "idx") ?? 0
                for row in own { #expect(row.cells[place] == .integer(41)) }
            }
        }
    }
}
