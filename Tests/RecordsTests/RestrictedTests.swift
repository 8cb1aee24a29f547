import Records
import Sealing
import Testing

@Suite struct RestrictedTests {
    static func act(brings: Bool = false) -> (Act, [Item]) {
        let act = RestrictedAct(
            record: .random(), detail: .random(),
            brought: brings ? .init(upload: .random(), payload: School.payload()) : nil)
        return (
            .restrictedActed(act),
            [
                Item(id: act.record.shared(as: Kind.Item.self), kind: .header, digest: digest("h")),
                Item(id: act.detail, kind: .detail, digest: digest("d")),
            ]
        )
    }

    @Test func `Who may file or keep such documents says it, and nobody else`() throws {
        var school = try School()
        let station = try school.addStation(for: [], until: 5_000)
        let (act, items) = Self.act(brings: true)
        for (roles, may) in [
            (Set([Role.deputy]), true), ([.panel], true), ([.admin], true), ([.staff], true),
            ([.accountManager], false),
        ] {
            let person = try school.add(roles)
            let said = school.unlawful(act, by: .person(person), items: items)
            #expect(said == (may ? nil : "author may not file: access.not-entitled"), "\(roles)")
            let unprepared = try school.add(roles, ready: false)
            #expect(school.unlawful(act, by: .person(unprepared), items: items) != nil, "\(roles)")
            try school.say(.personSuspended(person), by: school.founder)
            #expect(school.unlawful(act, by: .person(person), items: items) != nil, "\(roles)")
        }
        #expect(school.unlawful(act, by: .service, items: items) != nil)
        #expect(
            school.unlawful(act, by: .person(station), items: items) == "a station may not say restricted.acted")
    }

    @Test func `Every act has the same parts: a header and a detail, about no pupil file, without fields`() throws {
        var school = try School()
        let file = try school.register()
        let founder = Author.person(school.founder)
        let parts = "a restricted act of other parts than its header and its detail"
        for brings in [true, false] {
            let (act, items) = Self.act(brings: brings)
            #expect(school.unlawful(act, by: founder, items: items) == nil)
            #expect(school.unlawful(act, by: founder, pupilFile: file, items: items) == parts)
            #expect(school.unlawful(act, by: founder, items: [items[0]]) == parts)
            #expect(school.unlawful(act, by: founder, items: [items[1]]) == parts)
            let more = Item(id: .random(), kind: .header, digest: digest("m"))
            #expect(school.unlawful(act, by: founder, items: items + [more]) == parts)
            let other = Item(id: .random(), kind: .detail, digest: digest("d"))
            #expect(school.unlawful(act, by: founder, items: [items[0], other]) == parts)
        }
    }

    @Test func `What is sealed of an act is of one size, and is read back only as it was written`() throws {
        let short = Detail(values: ["act": "listed"])
        let long = Detail(values: ["act": "filed", "summary": String(repeating: "ü", count: 500)])
        let longest = Detail(values: ["act": "filed", "summary": String(repeating: "x", count: 5_000)])
        #expect(RestrictedAct.padded(short).count == 4_056 && RestrictedAct.padded(long).count == 4_056)
        #expect(RestrictedAct.padded(longest).count == 8_112)
        for detail in [short, long, longest] {
            let padded = RestrictedAct.padded(detail)
            #expect(try RestrictedAct.detail(inPadded: padded) == detail)
            for wrong in [
                Array(padded.dropLast()), padded + [0], padded + [UInt8](repeating: 0, count: 4_056),
                Array(padded.dropLast()) + [1], [0xff] + padded.dropFirst(), [],
            ] {
                #expect(throws: StatementError.self) { try RestrictedAct.detail(inPadded: wrong) }
            }
        }
    }
}
