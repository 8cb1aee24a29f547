public import Records

extension Vault {
    /// Records that somebody read these pupils' chronologies: a statement each, all in one transaction.
    ///
    /// For making large vaults, and named so at the import: no program that people use may import it. Each reading is
    /// decided as `chronology(of:)` decides it and counts for the session, but nothing is opened, so nothing can be given
    /// away. Durable on return; where one is refused, none is recorded.
    @_spi(LargeVault) public func recordReadings(of pupilFiles: [PupilFileID], as acting: Acting) throws(VaultError) {
        try rethrowing("bulk") {
            for pupilFile in pupilFiles { _ = try decide(.readChronology(pupilFile), acting) }
            try recorder.record(
                pupilFiles.map {
                    Draft(signer: .person(acting), pupilFile: $0, act: .chronologyRead(acting.session))
                }, in: pool)
            acting.memory.with { $0.chronologiesRead.formUnion(pupilFiles) }
        }
    }
}
