import Foundation
public import Sealing
import Yams

/// The school's rules as data, decoded strictly from `policies/`: an unknown key is an error.
public struct Policies: Sendable {
    /// `school.yaml`.
    public let school: SchoolPolicy
    /// `acceptable-use.yaml`.
    public let acceptableUse: AcceptableUsePolicy
    /// `access.yaml`.
    public let access: AccessPolicy
    /// `sessions.yaml`.
    public let sessions: SessionPolicy
    /// `archive.yaml`.
    public let archive: ArchivePolicy
    /// `agencies.yaml`.
    public let agencies: AgencyPolicy
    /// `categories.yaml`.
    public let categories: CategoryPolicy
    /// `file-types.yaml`.
    public let fileTypes: FileTypePolicy
    /// `inspection.yaml`.
    public let inspection: InspectionPolicy
    /// `limits.yaml`.
    public let limits: LimitPolicy
    /// `notices.yaml`.
    public let notices: NoticePolicy
    /// `witness.yaml`.
    public let witness: WitnessPolicy
    /// SHA-256 over each file's name, length and bytes, in order of name.
    public let digest: Digest

    /// The files that make the policies, all of them needed and no other.
    public static let fileNames = [
        "acceptable-use.yaml", "access.yaml", "agencies.yaml", "archive.yaml", "categories.yaml", "file-types.yaml",
        "inspection.yaml", "limits.yaml", "notices.yaml", "school.yaml", "sessions.yaml", "witness.yaml",
    ]

    /// Decodes the files.
    ///
    /// - Throws: a refusal `policy.unreadable` that names file and key.
    public init(files: [String: String]) throws(Refusal) {
        var hasher = SHA256Hasher()
        for name in Self.fileNames {
            guard let text = files[name] else { throw .policyUnreadable("policies/\(name) is missing") }
            hasher.update(Array("\(name)\n\(text.utf8.count)\n\(text)".utf8))
        }
        digest = hasher.finish()
        school = try Self.decode("school.yaml", files)
        acceptableUse = try Self.decode("acceptable-use.yaml", files)
        access = try Self.decode("access.yaml", files)
        sessions = try Self.decode("sessions.yaml", files)
        agencies = try Self.decode("agencies.yaml", files)
        archive = try Self.decode("archive.yaml", files)
        categories = try Self.decode("categories.yaml", files)
        fileTypes = try Self.decode("file-types.yaml", files)
        inspection = try Self.decode("inspection.yaml", files)
        limits = try Self.decode("limits.yaml", files)
        notices = try Self.decode("notices.yaml", files)
        witness = try Self.decode("witness.yaml", files)
        try acceptableUse.check()
        try sessions.check()
        try school.check()
        try agencies.check()
        try archive.check()
        try categories.check()
        try fileTypes.check()
        try inspection.check(fileTypes)
        try limits.check()
        try notices.check()
        try witness.check()
        guard (1...3660).contains(access.longestAccessDays) else {
            throw .policyUnreadable("policies/access.yaml: access lasts for 1 to 3660 days at most")
        }
        guard TwoPersonRule.days.contains(access.newForDays) else {
            throw .policyUnreadable("policies/access.yaml: somebody is new for 1 to 90 days")
        }
        guard !access.passkeyRequired.contains(.station) else {
            throw .policyUnreadable("policies/access.yaml: a scan station has no passkey")
        }
        guard access.roles[.dsl].map({ Set($0).isSuperset(of: [.managePeople, .giveAccess]) }) == true else {
            throw .policyUnreadable("policies/access.yaml: the role dsl must be able to manage-people and give-access")
        }
    }

    private static func decode<Policy: Codable>(_ name: String, _ files: [String: String]) throws(Refusal) -> Policy {
        do {
            let text = files[name] ?? ""
            let policy = try YAMLDecoder().decode(Policy.self, from: text)
            let known = try Yams.compose(yaml: YAMLEncoder().encode(policy))
            if let given = try Yams.compose(yaml: text), let key = unknownKey(in: given, beside: known, path: "") {
                throw Refusal.policyUnreadable("policies/\(name) has an unknown key: \(key)")
            }
            return policy
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw .policyUnreadable("policies/\(name) cannot be read: \(String(describing: error).prefix(300))")
        }
    }

    /// What was decoded, encoded again, knows every key that counted; any other key in the file is unknown.
    static func unknownKey(in given: Node, beside known: Node?, path: String) -> String? {
        switch (given, known) {
        case (.mapping(let given), .mapping(let known)):
            for (key, value) in given {
                let name = key.string ?? ""
                guard let match = known.first(where: { $0.key.string == name }) else { return path + name }
                if let found = unknownKey(in: value, beside: match.value, path: path + name + ".") { return found }
            }
            return nil
        case (.sequence(let given), .sequence(let known)):
            guard given.count == known.count else { return path + "(repeated entry)" }
            for (index, pair) in zip(given, known).enumerated() {
                if let found = unknownKey(in: pair.0, beside: pair.1, path: "\(path)\(index).") { return found }
            }
            return nil
        case (.mapping(let given), _): return path + (given.first?.key.string ?? "")
        default: return nil
        }
    }
}

extension Refusal {
    /// A policy file that cannot be decoded.
    static func policyUnreadable(_ message: String) -> Refusal {
        Refusal(code: "policy.unreadable", message: message + ".", hint: "Put the file right; nothing was changed.")
    }
}

/// Who the school is and how it reckons days.
public struct SchoolPolicy: Codable, Hashable, Sendable {
    /// The school's name, shown on every page.
    public let name: String
    /// The time zone in which days are reckoned, such as `Europe/London`.
    public let timezone: String
    /// Whom to ask for help, shown on error pages.
    public let contact: String
    /// Whom to turn to about a member of staff: the local authority's designated officer.
    public let lado: String
    /// The host name at which people reach the vault: passkeys are made for it, and serve nowhere else.
    public let site: String
    /// Days on which nobody works besides weekends: each a day, or a range of two with a slash between.
    public var closedDays: [String]?

    /// The same as year × 10,000 + month × 100 + day.
    public var closed: [ClosedRange<Int>] {
        (closedDays ?? []).compactMap { (try? DocumentDate(parsing: $0))?.days }
    }

    enum CodingKeys: String, CodingKey {
        case name, timezone, contact, lado, site
        case closedDays = "closed-days"
    }

    func check() throws(Refusal) {
        guard TimeZone(identifier: timezone) != nil else {
            throw .policyUnreadable("policies/school.yaml: there is no time zone \(timezone.prefix(40))")
        }
        guard (closedDays ?? []).allSatisfy({ $0.split(separator: "/").allSatisfy { $0.utf8.count == 10 } }),
            closed.count == closedDays?.count ?? 0
        else {
            throw .policyUnreadable(
                "policies/school.yaml: closed-days are days such as 2026-12-25, or ranges such as 2026-12-21/2027-01-01"
            )
        }
        let labels = site.split(separator: ".", omittingEmptySubsequences: false)
        guard site.utf8.count <= 253,
            labels.allSatisfy({ $0.wholeMatch(of: /[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/) != nil }),
            labels.last?.contains(where: \.isLetter) == true
        else {
            throw .policyUnreadable(
                "policies/school.yaml: site is a host name in small letters, such as vault.school.example")
        }
    }
}

/// The policy that everyone acknowledges, and for how long a training counts.
public struct AcceptableUsePolicy: Codable, Hashable, Sendable {
    /// One section of the policy.
    public struct Section: Codable, Hashable, Sendable {
        /// Its heading.
        public let heading: String
        /// Its text.
        public let text: String
    }
    /// What it is called.
    public let title: String
    /// Its version, in up to 40 printable ASCII characters; a new one has to be acknowledged anew.
    public let version: String
    /// The day of its last review, such as `2026-09-01`.
    public let reviewed: String
    /// For how many months a training counts.
    public let trainingValidMonths: Int
    /// The policy itself.
    public let sections: [Section]

    enum CodingKeys: String, CodingKey {
        case title, version, reviewed, sections
        case trainingValidMonths = "training-valid-months"
    }

    /// The same day so many months later, at its beginning in the school's time zone: a review, or a training's end.
    ///
    /// - Throws: `date.unreadable` for anything but a day.
    public static func instant(_ day: String, plusMonths months: Int, in timezone: String) throws(Refusal) -> Timestamp
    {
        let date = try DocumentDate(parsing: day)
        guard day.count == 10, let number = date.days?.lowerBound, let zone = TimeZone(identifier: timezone) else {
            throw .dateUnreadable
        }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        let parts = DateComponents(year: number / 10_000, month: number / 100 % 100, day: number % 100)
        guard let start = calendar.date(from: parts),
            let end = calendar.date(byAdding: DateComponents(month: months), to: start)
        else { throw .dateUnreadable }
        return Timestamp(milliseconds: Int64(end.timeIntervalSince1970 * 1000))
    }

    func check() throws(Refusal) {
        guard (1...40).contains(version.utf8.count), version.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .policyUnreadable("policies/acceptable-use.yaml: a version has 1 to 40 characters without spaces")
        }
        do { _ = try Self.instant(reviewed, plusMonths: 12, in: "UTC") } catch {
            throw .policyUnreadable("policies/acceptable-use.yaml: reviewed is a day such as 2026-09-01")
        }
        guard (1...60).contains(trainingValidMonths), !sections.isEmpty else {
            throw .policyUnreadable(
                "policies/acceptable-use.yaml: a training counts for 1 to 60 months, and the policy has sections")
        }
    }
}

/// What each role may do.
public struct AccessPolicy: Codable, Hashable, Sendable {
    /// Abilities by role.
    public let roles: [Role: [Ability]]
    /// For how many days, at most, somebody is given access to a pupil file or to documents of it.
    public let longestAccessDays: Int
    /// Which acts take two people.
    public let twoPeople: [TwoPersonAct]
    /// For how many days after they were given their keys somebody is no second person.
    public let newForDays: Int
    /// Which roles sign in by passkey, and no longer by a code.
    public let passkeyRequired: [Role]

    /// Both of these, as a statement carries them.
    public var twoPersonRule: TwoPersonRule { TwoPersonRule(acts: Set(twoPeople), newForDays: newForDays) }
    /// As a statement carries them.
    public var abilities: Abilities { Abilities(byRole: roles.mapValues(Set.init)) }

    /// From the file's own words.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        var roles: [Role: [Ability]] = [:]
        for (name, abilities) in try container.decode([String: [Ability]].self, forKey: .roles) {
            guard let role = Role(rawValue: name), role != .station else {
                throw DecodingError.dataCorruptedError(
                    forKey: .roles, in: container, debugDescription: "there is no role \(name)")
            }
            roles[role] = abilities
        }
        self.roles = roles
        longestAccessDays = try container.decode(Int.self, forKey: .longestAccessDays)
        twoPeople = try container.decode([TwoPersonAct].self, forKey: .twoPeople)
        newForDays = try container.decode(Int.self, forKey: .newForDays)
        passkeyRequired = try container.decode([Role].self, forKey: .passkeyRequired)
    }

    /// In the file's own words.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Keys.self)
        try container.encode(
            Dictionary(uniqueKeysWithValues: roles.map { ($0.key.rawValue, $0.value) }), forKey: .roles)
        try container.encode(longestAccessDays, forKey: .longestAccessDays)
        try container.encode(twoPeople, forKey: .twoPeople)
        try container.encode(newForDays, forKey: .newForDays)
        try container.encode(passkeyRequired, forKey: .passkeyRequired)
    }

    private enum Keys: String, CodingKey {
        case roles
        case longestAccessDays = "longest-access-days"
        case twoPeople = "two-people"
        case newForDays = "new-for-days"
        case passkeyRequired = "passkey-required"
    }
}

/// Signing in.
public struct SessionPolicy: Codable, Hashable, Sendable {
    /// Minutes without a request after which a session ends.
    public let idleMinutes: Int
    /// Hours after which a session ends in any case.
    public let lifetimeHours: Int
    /// The fewest characters of a password.
    public let passwordMinimumCharacters: Int
    /// Memory of Argon2id, in MiB.
    public let argon2MemoryMiB: Int
    /// Passes of Argon2id.
    public let argon2Passes: Int
    /// How many passwords are hashed at the same time.
    public let hashesAtOnce: Int
    /// How many more may wait for it.
    public let hashesWaiting: Int
    /// Failures of one account, in five minutes, after which it is slowed.
    public let failuresBeforeSlowing: Int

    enum CodingKeys: String, CodingKey {
        case idleMinutes = "idle-minutes"
        case lifetimeHours = "lifetime-hours"
        case passwordMinimumCharacters = "password-minimum-characters"
        case argon2MemoryMiB = "argon2-memory-mib"
        case argon2Passes = "argon2-passes"
        case hashesAtOnce = "hashes-at-once"
        case hashesWaiting = "hashes-waiting"
        case failuresBeforeSlowing = "failures-before-slowing"
    }

    /// Argon2id's parameters for new keyboxes.
    public var hashing: PasswordHashing {
        PasswordHashing(memoryBytes: argon2MemoryMiB << 20, passes: argon2Passes)
    }

    /// What a keybox may ask for: no less than 64 MiB and 3 passes, no more than 1 GiB and 10 (C-06).
    public static let leastHashing = PasswordHashing(memoryBytes: 64 << 20, passes: 3)
    /// The most a keybox may ask for.
    public static let mostHashing = PasswordHashing(memoryBytes: 1 << 30, passes: 10)

    func check() throws(Refusal) {
        guard (64...1024).contains(argon2MemoryMiB), (3...10).contains(argon2Passes) else {
            throw .policyUnreadable("policies/sessions.yaml: Argon2id takes 64 to 1024 MiB and 3 to 10 passes")
        }
        guard (1...15).contains(idleMinutes), (1...8).contains(lifetimeHours), passwordMinimumCharacters >= 15,
            (1...16).contains(hashesAtOnce), (0...200).contains(hashesWaiting), failuresBeforeSlowing >= 1
        else {
            throw .policyUnreadable(
                "policies/sessions.yaml: at most 15 minutes idle and 8 hours, passwords of at least 15 characters, 1 to 16 hashes at once and at most 200 waiting"
            )
        }
    }
}

/// What documents are.
public struct CategoryPolicy: Codable, Hashable, Sendable {
    /// One category.
    public struct Category: Codable, Hashable, Sendable {
        /// The word kept in the record.
        public let id: String
        /// What people see.
        public let title: String
        /// Whether a meeting is what it tells of.
        public var meeting: Bool?
        /// Whether it may hold notes of counselling or therapy: warned of before it is given to an agency.
        public var counselling: Bool?
        /// Whether it came from somebody outside school, who may have to be asked before it is given on.
        public var outside: Bool?
    }
    /// The categories, in the order people see them.
    public let categories: [Category]

    /// One category; nil for an unknown one.
    public subscript(id: String) -> Category? { categories.first { $0.id == id } }

    /// Whether a category is of meetings.
    public func isMeeting(_ id: String) -> Bool { categories.first { $0.id == id }?.meeting ?? false }

    /// The title of a category; nil for an unknown one.
    public func title(of id: String) -> String? { categories.first { $0.id == id }?.title }

    func check() throws(Refusal) {
        guard !categories.isEmpty, Set(categories.map(\.id)).count == categories.count else {
            throw .policyUnreadable("policies/categories.yaml: each category has an id of its own")
        }
    }
}

/// The agencies that the school works with.
public struct AgencyPolicy: Codable, Hashable, Sendable {
    /// One agency.
    public struct Agency: Codable, Hashable, Sendable {
        /// The word kept in the record.
        public let id: String
        /// What people see.
        public let title: String
    }
    /// The agencies, in the order people see them.
    public let agencies: [Agency]

    /// The title of an agency; nil for one that is not on the list.
    public func title(of id: String) -> String? { agencies.first { $0.id == id }?.title }

    func check() throws(Refusal) {
        let ids = agencies.map(\.id)
        guard Set(ids).count == ids.count, !ids.contains(MeetingDetails.otherAgency),
            ids.allSatisfy({ $0.wholeMatch(of: /[a-z][a-z0-9-]{0,39}/) != nil }),
            agencies.allSatisfy({ (1...200).contains($0.title.count) })
        else {
            throw .policyUnreadable(
                "policies/agencies.yaml: each agency has an id of its own, in small letters, and a title; other is none"
            )
        }
    }
}

/// What can be uploaded.
public struct FileTypePolicy: Codable, Hashable, Sendable {
    /// One type of file.
    public struct FileType: Codable, Hashable, Sendable {
        /// What people call it.
        public let title: String
        /// Its media type.
        public let mediaType: String
        /// The endings of names it may have, lower case, without the dot.
        public let extensions: [String]
        /// The largest file, in MiB.
        public let largestMiB: Int
        /// The same in bytes.
        public var largestBytes: UInt64 { UInt64(largestMiB) << 20 }
        /// The most pages.
        public let mostPages: Int?
        /// The most pixels of a page, in millions.
        public let mostMegapixels: Int?

        enum CodingKeys: String, CodingKey {
            case title
            case mediaType = "media-type"
            case extensions
            case largestMiB = "largest-mib"
            case mostPages = "most-pages"
            case mostMegapixels = "most-megapixels"
        }
    }
    /// The types, in the order people see them.
    public let types: [FileType]

    /// `PDF, TIFF, JPEG …`, for messages.
    public var titles: String { types.map(\.title).joined(separator: ", ") }

    /// The types by how large each may be, largest first, in the order that they are listed in.
    public var bySize: [(largestBytes: UInt64, titles: [String])] {
        Dictionary(grouping: types, by: \.largestBytes).map { ($0, $1.map(\.title)) }.sorted { $0.0 > $1.0 }
    }

    func check() throws(Refusal) {
        let extensions = types.flatMap(\.extensions)
        guard !types.isEmpty, Set(extensions).count == extensions.count,
            extensions.allSatisfy({ !$0.isEmpty && $0 == $0.lowercased() && !$0.contains(".") })
        else {
            throw .policyUnreadable(
                "policies/file-types.yaml: each ending belongs to one type, in lower case, without a dot")
        }
        let sizes = types.flatMap { [$0.largestMiB, $0.mostPages ?? 1, $0.mostMegapixels ?? 1] }
        guard sizes.allSatisfy({ (1...1 << 20).contains($0) }) else {
            throw .policyUnreadable("policies/file-types.yaml: limits are whole numbers from 1 to 1048576")
        }
    }
}

/// How the paper archive is emptied.
public struct ArchivePolicy: Codable, Hashable, Sendable {
    /// How many of a batch's pages the second person looks at, in per cent.
    public let secondLookPercent: Int

    func check() throws(Refusal) {
        guard (10...100).contains(secondLookPercent) else {
            throw .policyUnreadable("policies/archive.yaml: the second person looks at 10 to 100 per cent of the pages")
        }
    }

    enum CodingKeys: String, CodingKey {
        case secondLookPercent = "second-look-percent"
    }
}

/// What an upload is looked at with, beside its structure.
public struct InspectionPolicy: Codable, Hashable, Sendable {
    /// Whether uploads are scanned for viruses.
    public enum Antivirus: String, Codable, Hashable, Sendable {
        /// Every one; where that cannot be done, it waits.
        case required
        /// Every one while the scanner is there.
        case whenAvailable = "when-available"
        /// None.
        case off
    }
    /// Whether uploads are scanned for viruses.
    public let antivirus: Antivirus
    /// The languages in which the text of scans is recognised, by tesseract's names; none where it is not.
    public let recogniseLanguages: [String]
    /// How many pages are recognised at once.
    public let recogniseAtOnce: Int

    enum CodingKeys: String, CodingKey {
        case antivirus
        case recogniseLanguages = "recognise-languages"
        case recogniseAtOnce = "recognise-at-once"
    }

    /// The largest file that ClamAV scans at all, in MiB: it takes 2 GiB less three bytes.
    static let mostMiB = 2047

    func check(_ types: FileTypePolicy) throws(Refusal) {
        guard (1...64).contains(recogniseAtOnce) else {
            throw .policyUnreadable("policies/inspection.yaml: recognise-at-once is 1 to 64")
        }
        // They become an argument of a program, joined by plus signs.
        guard recogniseLanguages.count <= 8,
            recogniseLanguages.allSatisfy({ $0.wholeMatch(of: /[a-z]{3}(_[a-z]{3,4})?/) != nil })
        else {
            throw .policyUnreadable(
                "policies/inspection.yaml: recognise-languages has at most eight of tesseract's names, such as eng or cym"
            )
        }
        guard antivirus == .required, let type = types.types.first(where: { $0.largestMiB > Self.mostMiB }) else {
            return
        }
        throw .policyUnreadable(
            "policies/inspection.yaml: antivirus is required, and a file of more than \(Self.mostMiB) MiB cannot be scanned: "
                + "largest-mib of \(type.title) in policies/file-types.yaml is at most that")
    }
}

/// How much at once.
public struct LimitPolicy: Codable, Hashable, Sendable {
    /// Room on the disk that uploads leave for statements, in MiB.
    public let keepFreeMiB: Int
    /// The same, in per cent of the disk.
    public let keepFreePercent: Int
    /// Memory that documents under inspection may take together, in MiB.
    public let inspectionMemoryMiB: Int
    /// Uploads that one person may have unfinished or waiting to be filed.
    public let pendingUploadsPerPerson: Int
    /// The same, in MiB together.
    public let pendingMiBPerPerson: Int
    /// Days after which an upload that was not filed is wiped.
    public let pendingUploadDays: Int
    /// Lines of a chronology that one PDF may have.
    public let printLines: Int
    /// Memory that the program may take which makes PDFs, in MiB.
    public let printMemoryMiB: Int

    func check() throws(Refusal) {
        guard (0...1 << 30).contains(keepFreeMiB), (0...90).contains(keepFreePercent),
            (1...1 << 20).contains(inspectionMemoryMiB), pendingUploadsPerPerson >= 1,
            (1...1 << 30).contains(pendingMiBPerPerson),
            (1...3650).contains(pendingUploadDays), (1...1_000_000).contains(printLines),
            (128...65_536).contains(printMemoryMiB)
        else {
            throw .policyUnreadable(
                "policies/limits.yaml: numbers from 1 up, at most 90 per cent kept free, at most 3650 days, at least 128 MiB for printing"
            )
        }
    }

    enum CodingKeys: String, CodingKey {
        case keepFreeMiB = "keep-free-mib"
        case keepFreePercent = "keep-free-percent"
        case inspectionMemoryMiB = "inspection-memory-mib"
        case pendingUploadsPerPerson = "pending-uploads-per-person"
        case pendingMiBPerPerson = "pending-mib-per-person"
        case pendingUploadDays = "pending-upload-days"
        case printLines = "print-lines"
        case printMemoryMiB = "print-memory-mib"
    }
}
