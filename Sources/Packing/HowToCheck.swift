import Records

extension Pack {
    /// `HOW-TO-CHECK.txt`: for somebody who has this folder, a computer, and no more.
    static func howToCheck(_ contents: PackContents) -> String {
        let exhibits = contents.exhibits.count == 1 ? "1 exhibit" : "\(contents.exhibits.count) exhibits"
        let name = PackNames.ledger(contents.permission, .statement).dropLast(".json".count)
        let first = contents.exhibits.first.map { PackNames.exhibit($0.reference, fileExtension: $0.fileExtension) }
        let example = (first ?? PackNames.manifest).split(separator: "/").joined(separator: "\\")
        return """
            HOW TO CHECK THIS PACK

            Permission \(contents.reference), given on \(contents.made.iso8601.prefix(10)) by \(contents.school)
            \(exhibits), in the folder "exhibits"

            The papers come from the school's vault, Strongroom. It files each paper by a statement, which the person
            who filed it signs, and keeps all statements in a ledger. You do not need Strongroom to check this pack.
            Keep the ZIP file as you were given it, and do all of this on a copy.


            STEP 1  Are the files the ones that are listed?

            On Linux or a Mac, in this folder:

                sha256sum -c SHA256SUMS           (on a Mac: shasum -a 256 -c SHA256SUMS)

            Each line must end with "OK". On Windows, file by file, in the Command Prompt:

                certutil -hashfile \(example) SHA256

            It prints 64 digits and letters. They must be those that SHA256SUMS has for that file.


            STEP 2  Are they what the vault filed, and what the permission names?

            This needs Python 3.8 or later, and its package "cryptography" (pip install cryptography).

                python3 check.py                  (on Windows: py check.py)

            Its last lines say what this shows and what it does not. If anything is wrong, it names the file.
            check.py has about a hundred lines, so that somebody who is asked to can read what it does.

            It prints the fingerprint of the vault's checkpoint key. Ask the school, by a way that did not come with
            this pack, to read theirs to you. It must be

                \(keyFingerprint(contents.checkpointKey))


            STEP 3  One signature, by hand

            With OpenSSL 3, in this folder. This is the statement that gave the permission:

                openssl pkeyutl -verify -pubin -inkey \(name).key.pem -rawin \\
                    -in \(name).message -sigfile \(name).sig

            It must say "Signature Verified Successfully". What was signed, \(name).message, ends with the SHA-256 of
            the statement, \(name).json, as 32 bytes. These two must print the same 64 digits and letters:

                tail -c 32 \(name).message | od -An -v -tx1 | tr -d ' \\n'
                sha256sum \(name).json

            Any other statement is checked in the same way, under its own number.


            WHAT THIS SHOWS

            - Each exhibit is, byte for byte, the file that was filed: its SHA-256 is committed to in a statement that
              the person who filed it signed at the time.
            - The permission, signed by the person who gave it, names these exhibits, in this order and no others.
            - These statements stand in the vault's ledger, at the places that their numbers say. None of them can be
              changed, moved or taken out without it showing.
            All of this rests on the fingerprint of step 2 being the school's own.

            WHAT THIS DOES NOT SHOW

            - That what a paper says is true, or who wrote it before it was filed.
            - Who sat at the keyboard: a key stands for the person to whom the school gave it.
            - That the clock was right: times are those of the school's server.
            - That nothing else exists. A pack has what the permission names, and no more.
            - Where the other files beside this one come from (such as lists and letters): they are the school's own
              words. SHA256SUMS shows only that they are as they were when the pack was made.


            WHAT LIES WHERE

            exhibits/             the papers
            manifest.json         what this pack is: vault, keys, permission, exhibits
            ledger/               for each statement, by its number in the ledger:
              NUMBER.json           the statement       NUMBER.fields.json   those of its details that are shown
              NUMBER.sig            its signature       NUMBER.message       what was signed
              NUMBER.key.pem        its author's key    NUMBER.proof         its place in the ledger
            ledger/checkpoint.txt the ledger's size and root, signed by the vault's checkpoint key

            """
    }
}
