import Foundation
import Mustache

/// The pages' templates, by file under `Pages/`.
enum Template: String, CaseIterable {
    case layout, problem
    case signIn = "sign-in"
    case firstTime = "first-time"
    case keyPicture = "key-picture"
    case access, reading, code, security, late
    case steps, join, compare, policy
    case recoveryCodes = "recovery-codes"
    case home, hidden
    case choosePupil = "choose-pupil"
    case upload, check, discard, receipt
    case pupils
    case pupilFile = "pupil-file"
    case entry, document, quarantine
    case quarantineDecision = "quarantine-decision"
    case timeline, search
    case waiting, triage
    case chronologyFilters = "chronology-filters"
    case entryKinds = "entry-kinds"
    case entryForm = "entry-form"
    case entryReceipt = "entry-receipt"
    case followUps = "follow-ups"
    case people, person
    case signIns = "sign-ins"
    case invited
    case pupilAdd = "pupil-add"
    case pupilImport = "pupil-import"
    case pupilImported = "pupil-imported"
    case ledger
    case policyRegister = "policy-register"
    case batch, stations, station, intake, restricted, move
    case moveCheck = "move-check"
    case stationAdded = "station-added"
    case keeping
    case recovery
    case recoverySheets = "recovery-sheets"
    case recoveryDrill = "recovery-drill"
    case proposals
    case passkey, passkeys, password
    case meeting, attach
    case discardNotes = "discard-notes"
    case staffQuestion = "staff-question"
    case otherFiles = "other-files"
    case print, printing, printed, paper
    case paperHead = "paper-head"
    case paperLines = "paper-lines"
    case sheet
    case agencyDoor = "agency-door"
    case agencyEnded = "agency-ended"
    case agencyTerms = "agency-terms"
    case agencyOver = "agency-over"
    case agencyDocuments = "agency-documents"
    case agencyExhibit = "agency-exhibit"
    case agencyCopies = "agency-copies"
    case agencyReceived = "agency-received"
    case sectionNine = "section-9"
    case certificate
    case paperEnd = "paper-end"
    // What agencies ask for, and get.
    case requests
    case requestForm = "request-form"
    case requestInputs = "request-inputs"
    case restrictedRequests = "restricted-requests"
    case restrictedAsk = "restricted-ask"
    case request
    case requestRefuse = "request-refuse"
    case permit
    case permissionGiven = "permission-given"
    case permissionWithdraw = "permission-withdraw"
    case permissionBlock = "permission-block"
    case childInformed = "child-informed"
    case childQuestion = "child-question"
    case siteVisit = "site-visit"
    case siteVisitClose = "site-visit-close"
    case disclosures
    case formInput = "form-input"
    // The paper archive.
    case prepare, sheets, scans, desk, checks, checking, archive
    case paperBatch = "paper-batch"
    case deskThumbs = "desk-thumbs"

    var source: [UInt8] {
        switch self {
        case .layout: PackageResources.layout_mustache
        case .passkey: PackageResources.passkey_mustache
        case .password: PackageResources.password_mustache
        case .passkeys: PackageResources.passkeys_mustache
        case .proposals: PackageResources.proposals_mustache
        case .meeting: PackageResources.meeting_mustache
        case .attach: PackageResources.attach_mustache
        case .discardNotes: PackageResources.discard_notes_mustache
        case .staffQuestion: PackageResources.staff_question_mustache
        case .otherFiles: PackageResources.other_files_mustache
        case .print: PackageResources.print_mustache
        case .printing: PackageResources.printing_mustache
        case .printed: PackageResources.printed_mustache
        case .paper: PackageResources.paper_mustache
        case .paperHead: PackageResources.paper_head_mustache
        case .paperLines: PackageResources.paper_lines_mustache
        case .sheet: PackageResources.sheet_mustache
        case .agencyDoor: PackageResources.agency_door_mustache
        case .agencyEnded: PackageResources.agency_ended_mustache
        case .agencyTerms: PackageResources.agency_terms_mustache
        case .agencyOver: PackageResources.agency_over_mustache
        case .agencyDocuments: PackageResources.agency_documents_mustache
        case .agencyExhibit: PackageResources.agency_exhibit_mustache
        case .agencyCopies: PackageResources.agency_copies_mustache
        case .agencyReceived: PackageResources.agency_received_mustache
        case .sectionNine: PackageResources.section_9_mustache
        case .certificate: PackageResources.certificate_mustache
        case .paperEnd: PackageResources.paper_end_mustache
        case .problem: PackageResources.problem_mustache
        case .signIn: PackageResources.sign_in_mustache
        case .firstTime: PackageResources.first_time_mustache
        case .keyPicture: PackageResources.key_picture_mustache
        case .access: PackageResources.access_mustache
        case .security: PackageResources.security_mustache
        case .code: PackageResources.code_mustache
        case .late: PackageResources.late_mustache
        case .reading: PackageResources.reading_mustache
        case .steps: PackageResources.steps_mustache
        case .join: PackageResources.join_mustache
        case .compare: PackageResources.compare_mustache
        case .policy: PackageResources.policy_mustache
        case .recoveryCodes: PackageResources.recovery_codes_mustache
        case .home: PackageResources.home_mustache
        case .hidden: PackageResources.hidden_mustache
        case .choosePupil: PackageResources.choose_pupil_mustache
        case .upload: PackageResources.upload_mustache
        case .check: PackageResources.check_mustache
        case .discard: PackageResources.discard_mustache
        case .receipt: PackageResources.receipt_mustache
        case .pupils: PackageResources.pupils_mustache
        case .pupilFile: PackageResources.pupil_file_mustache
        case .entry: PackageResources.entry_mustache
        case .timeline: PackageResources.timeline_mustache
        case .waiting: PackageResources.waiting_mustache
        case .triage: PackageResources.triage_mustache
        case .search: PackageResources.search_mustache
        case .chronologyFilters: PackageResources.chronology_filters_mustache
        case .entryKinds: PackageResources.entry_kinds_mustache
        case .entryForm: PackageResources.entry_form_mustache
        case .entryReceipt: PackageResources.entry_receipt_mustache
        case .followUps: PackageResources.follow_ups_mustache
        case .document: PackageResources.document_mustache
        case .quarantine: PackageResources.quarantine_mustache
        case .quarantineDecision: PackageResources.quarantine_decision_mustache
        case .people: PackageResources.people_mustache
        case .person: PackageResources.person_mustache
        case .signIns: PackageResources.sign_ins_mustache
        case .invited: PackageResources.invited_mustache
        case .pupilAdd: PackageResources.pupil_add_mustache
        case .pupilImport: PackageResources.pupil_import_mustache
        case .pupilImported: PackageResources.pupil_imported_mustache
        case .ledger: PackageResources.ledger_mustache
        case .policyRegister: PackageResources.policy_register_mustache
        case .batch: PackageResources.batch_mustache
        case .stations: PackageResources.stations_mustache
        case .station: PackageResources.station_mustache
        case .stationAdded: PackageResources.station_added_mustache
        case .intake: PackageResources.intake_mustache
        case .restricted: PackageResources.restricted_mustache
        case .move: PackageResources.move_mustache
        case .moveCheck: PackageResources.move_check_mustache
        case .keeping: PackageResources.keeping_mustache
        case .recovery: PackageResources.recovery_mustache
        case .recoverySheets: PackageResources.recovery_sheets_mustache
        case .recoveryDrill: PackageResources.recovery_drill_mustache
        case .requests: PackageResources.requests_mustache
        case .requestForm: PackageResources.request_form_mustache
        case .requestInputs: PackageResources.request_inputs_mustache
        case .restrictedRequests: PackageResources.restricted_requests_mustache
        case .restrictedAsk: PackageResources.restricted_ask_mustache
        case .request: PackageResources.request_mustache
        case .requestRefuse: PackageResources.request_refuse_mustache
        case .permit: PackageResources.permit_mustache
        case .permissionGiven: PackageResources.permission_given_mustache
        case .permissionWithdraw: PackageResources.permission_withdraw_mustache
        case .permissionBlock: PackageResources.permission_block_mustache
        case .childInformed: PackageResources.child_informed_mustache
        case .childQuestion: PackageResources.child_question_mustache
        case .siteVisit: PackageResources.site_visit_mustache
        case .siteVisitClose: PackageResources.site_visit_close_mustache
        case .disclosures: PackageResources.disclosures_mustache
        case .formInput: PackageResources.form_input_mustache
        case .prepare: PackageResources.prepare_mustache
        case .sheets: PackageResources.sheets_mustache
        case .scans: PackageResources.scans_mustache
        case .desk: PackageResources.desk_mustache
        case .checks: PackageResources.checks_mustache
        case .checking: PackageResources.checking_mustache
        case .archive: PackageResources.archive_mustache
        case .paperBatch: PackageResources.paper_batch_mustache
        case .deskThumbs: PackageResources.desk_thumbs_mustache
        }
    }
}

/// Why a template cannot be used.
enum TemplateError: Error { case unescaped(String) }

/// All templates, parsed once. Nothing reaches a page unescaped: a template that asks for it is not loaded.
package struct Templates: Sendable {
    private let library: MustacheLibrary

    init() throws {
        var library = MustacheLibrary()
        for template in Template.allCases {
            let text = String(decoding: template.source, as: UTF8.self)
            guard Self.escapesAll(text) else { throw TemplateError.unescaped(template.rawValue) }
            try library.register(text, named: template.rawValue)
        }
        self.library = library
    }

    /// Whether every tag is one that escapes what it puts in, or puts nothing in: a name, a section, a part, a block. Raw output
    /// (`{{{`, `{{&`), another content type (`{{%`) and other delimiters (`{{=`) are none of these.
    package static func escapesAll(_ text: String) -> Bool {
        text.components(separatedBy: "{{").dropFirst().allSatisfy { rest in
            rest.first.map { $0.isASCII && ($0.isLetter || "#^/><$.".contains($0)) } ?? false
        }
    }

    func render(_ template: Template, _ contents: Any) -> String {
        library.render(contents, withTemplate: template.rawValue) ?? ""
    }
}
