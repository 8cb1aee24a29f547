import Records
import Sealing
import Testing

@Suite struct StationTests {
    private static let end: Int64 = 5_000

    @Test func `A station files only for its pupils, in a batch that its operator has open`() throws {
        var school = try School()
        let (file, other) = (try school.register(), try school.register("P-BBBBB"))
        let admin = try school.add([.admin])
        let panel = try school.add([.panel])
        let station = try school.addStation(for: [file], until: Self.end)
        let author = Author.person(station)
        let batch = BatchID.random()
        let (filing, items) = try School.filing(in: batch)
        let outside = "a station's filing outside an open batch"
        #expect(school.unlawful(filing, by: author, pupilFile: file, items: items) == outside)
        #expect(school.unlawful(.batchOpened(batch), by: .person(panel)) == "author may not file: access.not-entitled")
        #expect(school.unlawful(.batchOpened(batch), by: author) == "a station may not say batch.opened")
        try school.say(.batchOpened(batch), by: admin)
        #expect(school.unlawful(filing, by: author, pupilFile: file, items: items) == nil)
        #expect(
            school.unlawful(filing, by: author, pupilFile: other, items: items)
                == "a station's filing for another pupil")
        let (loose, looseItems) = try School.filing()
        #expect(school.unlawful(loose, by: author, pupilFile: file, items: looseItems) == outside)
        #expect(school.unlawful(filing, by: .service, pupilFile: file, items: items) != nil)
        try school.say(.batchClosed(batch), by: admin)
        #expect(school.unlawful(filing, by: author, pupilFile: file, items: items) == outside)
    }

    @Test func `Nobody who is invited becomes a station`() throws {
        var school = try School()
        let invited = try school.invited([.admin])
        try school.say(.personInvited(invited.act), by: school.founder, items: invited.items)
        let (party, items) = try School.person(invited.act.person, roles: [.station])
        let act = StationAct(party: party, expires: Timestamp(milliseconds: Self.end), intake: false)
        #expect(
            school.unlawful(.stationAdded(act), by: .person(school.founder), items: items) == "person added twice")
    }

    @Test func `A station says nothing but that it files, and nothing once it has ended`() throws {
        var school = try School()
        let file = try school.register()
        let admin = try school.add([.admin])
        let batch = BatchID.random()
        try school.say(.batchOpened(batch), by: admin)
        let (filing, items) = try School.filing(in: batch)
        let station = try school.addStation(for: [file], until: Self.end)
        let author = Author.person(station)
        for act in [
            Act.registerRead(.random()), .chronologyRead(.random()), .documentOpened(.random(), .random(), .view),
            .signedIn(.random()), .stationWithdrawn(station), .stationAllowed(station), .intakeRead(.random()),
            .personEnrolled(station), .policyAcknowledged(version: School.policyVersion),
        ] {
            #expect(school.unlawful(act, by: author, pupilFile: file) == "a station may not say \(act.kind.rawValue)")
        }
        let ended = "the station was withdrawn or has expired"
        var late = school
        late.time = Self.end
        #expect(late.unlawful(filing, by: author, pupilFile: file, items: items) == ended)
        #expect(
            school.unlawful(.stationWithdrawn(station), by: .person(admin))
                == "author may not manage-stations: access.not-entitled")
        try school.say(.stationWithdrawn(station), by: school.founder)
        #expect(school.unlawful(filing, by: author, pupilFile: file, items: items) == ended)
        #expect(school.unlawful(.accessRefused(code: "x"), by: author) == ended)
        #expect(
            school.unlawful(.stationWithdrawn(station), by: .person(school.founder)) == "no station, or withdrawn twice"
        )
    }

    @Test func `The intake queue takes scans of a station that may fill it, whole, and of nobody else`() throws {
        var school = try School()
        let file = try school.register()
        let admin = try school.add([.admin])
        let filing = try school.addStation(for: [file], until: Self.end)
        let filling = try school.addStation(for: [], intake: true, until: Self.end)
        let (item, items) = School.intakeItem()
        #expect(school.unlawful(item, by: .person(filling), items: items) == nil)
        #expect(
            school.unlawful(item, by: .person(filling), pupilFile: file, items: items) == "an intake item of a pupil")
        #expect(school.unlawful(item, by: .person(filing), items: items) == "a station may not say intake.received")
        #expect(
            school.unlawful(item, by: .person(admin), items: items)
                == "only a station puts scans into the intake queue")
        for place in items.indices {
            var fewer = items
            let kind = fewer.remove(at: place).kind.rawValue
            #expect(
                school.unlawful(item, by: .person(filling), items: fewer) == "an intake item without \(kind)")
        }
    }

    @Test func `A station is no person: no other role, no key to anything, and nobody is added as one`() throws {
        let school = try School()
        let id = PersonID.random()
        let founder = Author.person(school.founder)
        func station(_ party: PersonAct) -> Act {
            .stationAdded(StationAct(party: party, expires: Timestamp(milliseconds: Self.end), intake: false))
        }
        let (both, items) = try School.person(id, roles: [.station, .admin])
        #expect(
            school.unlawful(station(both), by: founder, items: items)
                == "a station with another role, or with keys to something")
        let (party, its) = try School.person(id, roles: [.station])
        let invited = try school.invited([.station])
        #expect(
            school.unlawful(.personInvited(invited.act), by: founder, items: invited.items)
                == "invited by who may not, or as nothing")
        let wrap = Item(id: .random(), kind: .wrap, digest: digest("w"))
        let holding = PersonAct(
            person: id, identity: party.identity, verifyingKey: party.verifyingKey, nameTag: party.nameTag,
            roles: [.station], keybox: party.keybox, row: party.row,
            wraps: [WrapEdge(item: wrap.id, identity: school.team, holder: party.identity)])
        #expect(
            school.unlawful(station(holding), by: founder, items: its + [wrap])
                == "a station with another role, or with keys to something")
        #expect(school.unlawful(station(party), by: founder, items: its) == nil)
    }

    @Test func `Each operator has one batch open, closes only their own, and files in no other's`() throws {
        var school = try School()
        let file = try school.register()
        let (one, two) = (try school.add([.admin]), try school.add([.staff]))
        let (first, second) = (BatchID.random(), BatchID.random())
        try school.say(.batchOpened(first), by: one)
        #expect(
            school.unlawful(.batchOpened(second), by: .person(one)) == "a batch opened twice, or a second one")
        #expect(school.unlawful(.batchClosed(first), by: .person(two)) == "a batch that is another's, or not open")
        try school.say(.batchOpened(second), by: two)
        let (filing, items) = try School.filing(in: first)
        #expect(school.unlawful(filing, by: .person(one), pupilFile: file, items: items) == nil)
        #expect(
            school.unlawful(filing, by: .person(two), pupilFile: file, items: items)
                == "filed in a batch that is another's or closed")
        try school.say(.batchClosed(first), by: one)
        #expect(
            school.unlawful(filing, by: .person(one), pupilFile: file, items: items)
                == "filed in a batch that is another's or closed")
        #expect(school.authority.batches[first]?.number == 1 && school.authority.batches[second]?.number == 2)
        #expect(school.authority.openBatches == [two: second])
    }

    @Test func `A station is granted its pupils and its queue, and refused everything else`() throws {
        var school = try School()
        let (file, other) = (try school.register(), try school.register("P-BBBBB"))
        let admin = try school.add([.admin])
        let batch = BatchID.random()
        try school.say(.batchOpened(batch), by: admin)
        let station = try school.addStation(for: [file], until: Self.end)
        let queue = try school.addStation(for: [], intake: true, until: Self.end)
        func refused(_ request: Request, _ station: PersonID, at time: Int64 = 4_000) -> String? {
            refusalCode {
                _ = try decide(
                    request, by: station, at: Timestamp(milliseconds: time), under: school.authority)
            }
        }
        #expect(refused(.file(file, in: batch), station) == nil)
        #expect(refused(.file(file, in: batch), station, at: Self.end) == "station.ended")
        #expect(refused(.file(file), station) == "batch.not-open")
        #expect(refused(.file(file, in: .random()), station) == "batch.not-open")
        // Another's pupil and one that is nobody's look the same.
        #expect(refused(.file(other, in: batch), station) == "pupil.unknown")
        #expect(refused(.file(.random(), in: batch), station) == "pupil.unknown")
        #expect(refused(.fillIntake, station) == "access.not-entitled")
        #expect(refused(.fillIntake, queue) == nil)
        for request in [
            Request.seeRegister, .managePupils, .managePeople, .readChronology(file), .seeFigures, .seeIntake,
            .manageStations, .keepBatch,
        ] {
            #expect(refused(request, station) == "access.not-entitled", "\(request)")
        }
    }
}
