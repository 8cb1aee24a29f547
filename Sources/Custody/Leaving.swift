public import Records

// Signing out elsewhere, and being suspended: who may nothing any more, from when on, and what of theirs stops.

extension Vault {
    /// Where this person is signed in, newest first.
    public func places(of acting: Acting) -> [SignedInPlace] { sessions.places(of: acting.person) }

    /// A person as the list of people has them, and why this person may not suspend or restore them, where they may not.
    public func person(_ id: PersonID, as acting: Acting) throws(VaultError) -> (PersonListing, objection: Refusal?) {
        guard let person = try people(as: acting).first(where: { $0.id == id }) else { throw .notFound }
        return (person, recorder.authority.objection(to: acting.person, changing: id))
    }

    /// Where a person is signed in, for who manages people.
    public func places(of person: PersonID, as acting: Acting) throws(VaultError) -> [SignedInPlace] {
        try rethrowing("people") {
            _ = try decide(.managePeople, acting)
            return sessions.places(of: person)
        }
    }

    /// Ends one of the person's own sessions, or all but the one they act in: at once, downloads on their way too.
    /// Recorded; durable on return. One that has ended already is nothing to say.
    ///
    /// - Parameter session: which; nil for all others.
    public func endSignIn(_ session: SessionID?, as acting: Acting) throws(VaultError) {
        try rethrowing("sign-out") {
            try endSessions(
                session.map { .one($0, of: acting.person) } ?? .of(acting.person, except: acting.session),
                by: .person(acting))
        }
    }

    /// Suspends a person: their sessions end, what is on its way to them stops, and they sign in no more until they are
    /// restored. Recorded; durable on return. Their keys stay as they are: what they know they know.
    ///
    /// - Throws: a refusal `person.…` for who may not be suspended by this person. Suspended already is nothing to say.
    public func suspend(_ person: PersonID, as acting: Acting) throws(VaultError) {
        try change(.personSuspended(person), of: person, as: acting) { $0 == nil }
        // Also where they were suspended from another process, or this was cut short before.
        try rethrowing("person-suspend") { try endSessions(.of(person, except: nil)) }
    }

    /// Lets a suspended person sign in again. Recorded; durable on return.
    ///
    /// - Throws: as `suspend`. Not suspended is nothing to say.
    public func restore(_ person: PersonID, as acting: Acting) throws(VaultError) {
        try change(.personRestored(person), of: person, as: acting) { $0 != nil }
    }

    private func change(
        _ act: Act, of person: PersonID, as acting: Acting, if isDue: (_ suspended: Timestamp?) -> Bool
    ) throws(VaultError) {
        try rethrowing("person-suspend") {
            _ = try decide(.managePeople, acting)
            let authority = try recorder.read(pool) { _, head in head.authority }
            if let objection = authority.objection(to: acting.person, changing: person) { throw objection }
            guard isDue(authority.suspended(person)) else { return }
            try say(act, .person(acting))
        }
    }

    /// Refuses to go on for somebody whose session has ended or who was suspended meanwhile, and for a scan station that
    /// has ended: asked again and again by what takes long, which keeps the session in use.
    func requireActive(_ acting: Acting) throws {
        guard !acting.memory.isEnded else { throw Refusal.signedOut }
        sessions.use(acting.session)
        let authority = try recorder.read(pool) { _, head in head.authority }
        if let refusal = ended(acting) { throw refusal }
        guard acting.isStation else { return }
        guard authority.stations[acting.person]?.isActive(at: clock.now()) == true else { throw Refusal.stationEnded }
    }

    /// Who says what became of something: whoever did it, or the service for a person who was suspended or made to join
    /// again, or a scan station that has ended, meanwhile.
    func signer(for acting: Acting) -> Signer {
        let authority = recorder.authority
        if ended(acting) != nil { return .service }
        guard let station = authority.stations[acting.person] else { return .person(acting) }
        return station.isActive(at: clock.now()) ? .person(acting) : .service
    }
}
