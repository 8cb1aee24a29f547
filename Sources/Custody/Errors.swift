import Foundation
import GRDB
import Ledger
import Records
import Sandbox
import Sealing
import Storing

/// The ledger's statement, not GRDB's.
typealias Statement = Records.Statement

/// A system call that failed.
struct SystemCallError: Error {
    let call: String
    let errno: Int32

    init(_ call: String, errno: Int32 = Foundation.errno) {
        self.call = call
        self.errno = errno
    }
}

extension VaultError {
    /// Gives an error its place; `code` names the work for those that have no better one.
    init(_ error: any Error, code: String) {
        switch error {
        case let error as VaultError: self = error
        case let refusal as Refusal: self = .refused(refusal)
        case let error as StoreError: self = .store(error)
        case let error as SystemCallError: self = .storage(code: "\(code).\(error.call)", errno: error.errno)
        case let error as DatabaseError:
            switch error.resultCode {
            case .SQLITE_BUSY, .SQLITE_LOCKED: self = .busy
            case .SQLITE_FULL: self = .storage(code: "\(code).disk-full", errno: ENOSPC)
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .tampered(code: "\(code).database-damaged")
            default: self = .storage(code: "\(code).database-\(error.resultCode.rawValue)", errno: EIO)
            }
        case is StatementError, is LedgerError: self = .tampered(code: "\(code).statement")
        case let error as SandboxError:
            if case .tooLarge = error {
                self = .refused(
                    Refusal(
                        code: "upload.too-large", message: "The file is too large to be checked.",
                        hint: "Split it, and upload the parts."))
            } else {
                self = .waiting(code: "sandbox.unavailable")
            }
        case let error as SealingError:
            switch error {
            case .memoryUnlocked, .outOfMemory: self = .storage(code: "\(code).locked-memory", errno: ENOMEM)
            default: self = .tampered(code: "\(code).seal")
            }
        default: self = .storage(code: code, errno: EIO)
        }
    }
}
