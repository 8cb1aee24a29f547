import CLinux
import Foundation
import GRDB
import Glibc
import Records

// What an operator can get wrong on the machine, looked at without opening the vault, so that it is named also where the
// vault cannot be opened for it. Nothing is changed, and nothing is asked of anybody.

/// The machine that a vault is on.
public struct Machine: Sendable {
    private let location: Vault.Location
    private let backup: String?

    /// - Parameters:
    ///   - location: where the vault's parts are.
    ///   - backup: the folder of its backup, where one is named.
    public init(of location: Vault.Location, backup: String? = nil) {
        self.location = location
        self.backup = backup
    }

    /// Whether this process may open the vault without leaving files that its server cannot read.
    public var isOwner: Bool { (try? status(location.vault))?.st_uid == geteuid() }

    /// Looks at users and modes, places, memory, swap, the sandbox's needs, clock, SQLite and servers.
    public func health() -> [HealthCheck] {
        [
            user, modes, secrets, places, lockedMemory, coreDumps, swap, hibernation, namespaces, magic, sqlite, time,
            server,
        ]
    }

    // MARK: - Who owns what

    private var user: HealthCheck {
        guard let owner = (try? status(location.vault))?.st_uid else {
            return HealthCheck("user", found: "There is no vault at \(location.vault).", "Name it with --vault.")
        }
        guard owner == geteuid() else {
            return HealthCheck(
                "user", found: "This is user \(geteuid()), and the vault is user \(owner)'s.",
                "Run every command as the vault's own user (runuser -u strongroom -- …): files that another user makes in it keep the server out."
            )
        }
        guard owner != 0 else {
            return HealthCheck(
                "user", found: "The vault is root's.", "Give it to a user of its own: chown -R strongroom: it.")
        }
        return HealthCheck(name: "user", isWell: true, words: "The vault is this user's own.")
    }

    private var modes: HealthCheck {
        var found: [String] = []
        for directory in [location.vault, location.secrets] {
            guard let status = try? status(directory) else { continue }
            if status.st_mode & 0o077 != 0, !isCredentials(directory) {
                found.append("\(directory) can be entered by other users (\(octal(status.st_mode)))")
            }
        }
        let owner = (try? status(location.vault))?.st_uid
        let strangers = Self.everything(below: location.vault).lazy.filter { (try? status($0))?.st_uid != owner }
        found += strangers.prefix(3).map { "\($0) is another user's" }
        for path in Self.everything(below: location.secrets) {
            guard let status = try? status(path), !isCredentials(location.secrets) else { continue }
            if status.st_mode & 0o077 != 0 {
                found.append("\(path) can be read by other users (\(octal(status.st_mode)))")
            }
            if status.st_uid != owner { found.append("\(path) is another user's") }
        }
        guard found.isEmpty else {
            return HealthCheck(
                "modes", found: found.joined(separator: "; ") + ".",
                "chown -R them to the vault's user; chmod 700 for directories, 600 for files of secrets.")
        }
        return HealthCheck(
            name: "modes", isWell: true, words: "Nobody but the vault's user can enter the vault or its secrets.")
    }

    private var secrets: HealthCheck {
        let missing = SecretFiles.names.filter { name in
            (try? Files.read("\(location.secrets)/\(name)").count) != 32
        }
        guard missing.isEmpty else {
            return HealthCheck(
                "secrets",
                found: "In \(location.secrets) there is no readable \(missing.joined(separator: ", ")) of 32 bytes.",
                "Put the copy of the secrets' directory back, or name it with --secrets. Without one the recovery sheets alone open the vault."
            )
        }
        return HealthCheck(name: "secrets", isWell: true, words: "The server's secrets are in \(location.secrets).")
    }

    private var places: HealthCheck {
        var found: [String] = []
        func compare(_ inner: String, _ outer: String, _ words: String) {
            guard let inner = real(inner), let outer = real(outer) else { return }
            if inner == outer || inner.hasPrefix(outer + "/") { found.append(words) }
        }
        compare(location.secrets, location.vault, "The secrets are in the vault's own directory")
        compare(location.vault, location.secrets, "The vault is in the secrets' directory")
        var looked = "The secrets are outside the vault's directory."
        if let backup {
            compare(location.secrets, backup, "The secrets are in the backup's folder")
            compare(backup, location.vault, "The backup is in the vault's own directory")
            if let device = (try? status(backup))?.st_dev {
                for (place, words) in [(location.secrets, "secrets"), (location.vault, "vault")]
                where (try? status(place))?.st_dev == device {
                    found.append("The backup is on the same file system as the \(words)")
                }
                looked = "Vault and secrets are apart, and the backup is on another file system."
            } else {
                found.append("There is no backup at \(backup)")
            }
        } else {
            looked += " Where the backup lies was not looked at: --backup names it."
        }
        guard found.isEmpty else {
            return HealthCheck(
                "places", found: found.joined(separator: ". ") + ".",
                "Whoever has vault and secrets can try passwords, and one disk that breaks takes what is on it: move the secrets or the backup to another place."
            )
        }
        return HealthCheck(name: "places", isWell: true, words: looked)
    }

    // MARK: - Memory

    /// What the process that serves may lock, or where none does, this one. In bytes; nil for any amount.
    private var lockedMemory: HealthCheck {
        let needed: UInt64 = 8 << 20
        var most = Self.lockedMemory(of: getpid()) ?? 0
        var whose = "This process"
        if let server = ServingLock.holder(of: location), let its = Self.lockedMemory(of: server) {
            (most, whose) = (its, "The server")
        }
        guard most >= needed else {
            return HealthCheck(
                "memory", found: "\(whose) may lock \(most >> 10) KiB of memory for keys, and 8 MiB are needed.",
                "Set LimitMEMLOCK=64M in the unit, or memlock in /etc/security/limits.d.")
        }
        return HealthCheck(name: "memory", isWell: true, words: "\(whose) may lock enough memory for keys.")
    }

    private static func lockedMemory(of process: Int32) -> UInt64? {
        guard
            let line = text("/proc/\(process)/limits").split(separator: "\n").first(where: {
                $0.hasPrefix("Max locked")
            })
        else { return nil }
        let soft = line.dropFirst("Max locked memory".count).split(separator: " ").first ?? ""
        return soft == "unlimited" ? .max : UInt64(soft)
    }

    private var coreDumps: HealthCheck {
        let pattern = Self.line("/proc/sys/kernel/core_pattern")
        // It looks at the limit itself, and keeps nothing where that is 0.
        guard pattern.hasPrefix("|"), !pattern.contains("systemd-coredump") else {
            return HealthCheck(
                name: "core-dumps", isWell: true, words: "The memory of a program that crashes is written nowhere.")
        }
        return HealthCheck(
            "core-dumps",
            found: "The memory of a program that crashes is given to another: \(pattern.prefix { $0 != " " }).",
            "sysctl -w kernel.core_pattern=core, and the same in /etc/sysctl.d: then the limit of 0 counts.")
    }

    private var swap: HealthCheck {
        let clear = Self.clearSwap
        guard clear.isEmpty else {
            return HealthCheck(
                "swap", found: "There is swap that is not encrypted: \(clear.joined(separator: ", ")).",
                "Documents in memory can reach the disk through it: swapoff -a and take it out of /etc/fstab, or encrypt it with a random key (crypttab, swap)."
            )
        }
        return HealthCheck(
            name: "swap", isWell: true, words: "No swap in clear: documents in memory cannot reach the disk that way.")
    }

    private var hibernation: HealthCheck {
        let canSleep = Self.line("/sys/power/state").split(separator: " ").contains("disk")
        let resume = Self.line("/sys/power/resume")
        let target = resume.isEmpty || resume == "0:0" ? nil : resume
        let isClear = !Self.clearSwap.isEmpty || (target.map { !Self.isEncrypted(block: $0) } ?? false)
        guard canSleep, isClear else {
            return HealthCheck(
                name: "hibernation", isWell: true, words: "The memory is not written to a disk in clear to sleep.")
        }
        return HealthCheck(
            "hibernation", found: "The machine can hibernate onto a disk that is not encrypted.",
            "systemctl mask hibernate.target hybrid-sleep.target, and take resume= from the kernel's command line.")
    }

    /// Swap that holds in clear what is put there. What is in memory alone (zram) holds nothing when the machine is off.
    private static var clearSwap: [String] {
        text("/proc/swaps").split(separator: "\n").dropFirst().compactMap { line -> String? in
            let parts = line.split(whereSeparator: \.isWhitespace)
            guard parts.count >= 2 else { return nil }
            let path = String(parts[0])
            if path.hasPrefix("/dev/zram") { return nil }
            var status = Glibc.stat()
            guard stat(path, &status) == 0 else { return path }
            let device = status.st_mode & S_IFMT == S_IFBLK ? status.st_rdev : status.st_dev
            return isEncrypted(block: number(of: device)) ? nil : path
        }
    }

    /// As the system writes a device: glibc's macros for it are not there in Swift.
    private static func number(of device: dev_t) -> String {
        let device = UInt64(device)
        let major = (device >> 8) & 0xFFF | (device >> 32) & 0xFFFF_F000
        let minor = device & 0xFF | (device >> 12) & 0xFFFF_FF00
        return "\(major):\(minor)"
    }

    /// Whether a block device is one of dm-crypt's, or all that it lies on is.
    private static func isEncrypted(block number: String) -> Bool {
        let folder = "/sys/dev/block/\(number)"
        if line(folder + "/dm/uuid").hasPrefix("CRYPT-") { return true }
        let under = (try? Files.names(in: folder + "/slaves")) ?? []
        return !under.isEmpty && under.allSatisfy { isEncrypted(block: line("/sys/class/block/\($0)/dev")) }
    }

    // MARK: - What the sandbox needs

    private var namespaces: HealthCheck {
        let settings = [
            ("/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces=10000"),
            ("/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
            (
                "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
                "kernel.apparmor_restrict_unprivileged_userns=0"
            ),
        ].filter { Self.line($0.0) == $0.1 }
        guard settings.isEmpty else {
            return HealthCheck(
                "namespaces", found: "User namespaces are off, so there is no sandbox and uploads wait.",
                "sysctl -w \(settings.map(\.2).joined(separator: " ")), and the same in /etc/sysctl.d.")
        }
        return HealthCheck(name: "namespaces", isWell: true, words: "User namespaces are there for the sandbox.")
    }

    private var magic: HealthCheck {
        let places = ["/etc/magic.mgc", "/usr/share/misc/magic.mgc", "/usr/lib/file/magic.mgc"]
        guard places.dropFirst().contains(where: Files.exists) else {
            return HealthCheck(
                "magic", found: "libmagic has no database, so no file's type can be told.",
                "apt-get install --reinstall libmagic-mgc")
        }
        return HealthCheck(name: "magic", isWell: true, words: "libmagic has its database.")
    }

    // MARK: - SQLite, clock, servers

    /// Tables that are STRICT, which the catalogue's are, came with it.
    private static let oldestSQLite = "3.37.0"

    private var sqlite: HealthCheck {
        let version =
            (try? DatabaseQueue().read { try String.fetchOne($0, sql: "SELECT sqlite_version()") }) ?? "unknown"
        guard version.compare(Self.oldestSQLite, options: .numeric) != .orderedAscending, version != "unknown" else {
            return HealthCheck(
                "sqlite", found: "SQLite is \(version), and \(Self.oldestSQLite) is needed.",
                "apt-get install libsqlite3-0 of Debian 12 or later.")
        }
        return HealthCheck(name: "sqlite", isWell: true, words: "SQLite is \(version).")
    }

    private var time: HealthCheck {
        let kept = strongroom_clock_is_kept()
        // timesyncd says it here, also before the kernel takes the clock for exact.
        guard kept != 0 || Files.exists("/run/systemd/timesync/synchronized") else {
            return HealthCheck(
                "time", found: "Nothing keeps the clock right: it is not synchronised.",
                "timedatectl set-ntp true, and allow NTP to your time source. Every statement carries this clock's time."
            )
        }
        return HealthCheck(
            name: "time", isWell: true,
            words: kept < 0
                ? "Whether the clock is synchronised cannot be told here." : "The clock is synchronised.")
    }

    private var server: HealthCheck {
        let holder = ServingLock.holder(of: location)
        let others = Self.servers(of: location).filter { $0 != holder }
        guard holder == nil ? others.count < 2 : others.isEmpty else {
            let all = (holder.map { [$0] } ?? []) + others
            return HealthCheck(
                "server",
                found:
                    "More than one server is on this vault: processes \(all.map(String.init).joined(separator: ", ")).",
                "Stop all but one: sessions and what is on its way are in the memory of one.")
        }
        return HealthCheck(
            name: "server", isWell: true,
            words: (holder ?? others.first).map { "Process \($0) serves this vault." }
                ?? "No server runs on this vault.")
    }

    /// This user's processes that serve a vault: by what they were started as, and the catalogue that they have open.
    private static func servers(of location: Vault.Location) -> [Int32] {
        guard let catalogue = real(location.catalogue), let names = try? Files.names(in: "/proc") else { return [] }
        return names.compactMap { Int32($0) }.filter { process in
            process != getpid() && text("/proc/\(process)/cmdline").split(separator: "\0").dropFirst().first == "serve"
                && ((try? Files.names(in: "/proc/\(process)/fd")) ?? []).contains {
                    real("/proc/\(process)/fd/\($0)") == catalogue
                }
        }
    }

    // MARK: - Reading

    /// A directory that systemd made for this unit: its files are root's or this user's, and the system guards them.
    private func isCredentials(_ directory: String) -> Bool {
        guard let given = ProcessInfo.processInfo.environment["CREDENTIALS_DIRECTORY"] else { return false }
        return real(given) == real(directory)
    }

    private func status(_ path: String) throws -> stat {
        var status = Glibc.stat()
        guard lstat(path, &status) == 0 else { throw SystemCallError("stat") }
        return status
    }

    private func octal(_ mode: mode_t) -> String { String(mode & 0o7777, radix: 8) }

    private static func everything(below directory: String) -> [String] {
        guard let walk = FileManager.default.enumerator(atPath: directory) else { return [] }
        return walk.compactMap { ($0 as? String).map { directory + "/" + $0 } }
    }

    private static func text(_ path: String) -> String {
        (try? Files.readAll(path)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private static func line(_ path: String) -> String { String(text(path).prefix { $0 != "\n" }) }

    private static func real(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private func real(_ path: String) -> String? { Self.real(path) }
}
