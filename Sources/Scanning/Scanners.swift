import CSANE
import Synchronization

// SANE keeps all it knows in variables of the process, and a scanner's driver is code that runs in this process: asking for
// `Scanners` loads it. So there is one such value at a time, on one thread, and only the command that scans makes it.

/// A scanner that is there.
public struct ScannerDevice: Hashable, Sendable {
    /// By which it is opened, such as `fujitsu:fi-7160:123456`.
    public let name: String
    /// Who made it.
    public let vendor: String
    /// What they call it.
    public let model: String
    /// What it is, in its driver's words, such as `flatbed scanner`.
    public let kind: String

    /// Who made it and what it is called.
    public var title: String { vendor.isEmpty ? model : model.isEmpty ? vendor : "\(vendor) \(model)" }

    init(_ device: SANE_Device) {
        func text(_ pointer: UnsafePointer<CChar>?) -> String { pointer.map { String(cString: $0) } ?? "" }
        (name, vendor, model, kind) = (
            text(device.name), text(device.vendor), text(device.model), text(device.type)
        )
    }

    init(name: String) { (self.name, vendor, model, kind) = (name, "", name, "") }

    /// One that is not there.
    package init(vendor: String, model: String) {
        (name, self.vendor, self.model, kind) = ("", vendor, model, "")
    }
}

/// The scanners that this computer reaches through SANE.
public final class Scanners {
    private static let isAsked = Mutex(false)

    private init() {}

    deinit {
        sane_exit()
        Self.isAsked.withLock { $0 = false }
    }

    /// Begins to use SANE; one at a time in a process.
    public static func ask() throws(ScannerError) -> Scanners {
        let isFirst = isAsked.withLock { isAsked in
            defer { isAsked = true }
            return !isAsked
        }
        guard isFirst else { throw .busy }
        var version: SANE_Int = 0
        // Without a way to ask for a password: who shares a scanner with passwords is no scanner of this computer.
        let status = sane_init(&version, nil)
        guard status == SANE_STATUS_GOOD else {
            isAsked.withLock { $0 = false }
            throw ScannerError(status)
        }
        return Scanners()
    }

    /// Those that are there now. Each driver that SANE is set up for looks for its own, which may take seconds.
    public func devices() throws(ScannerError) -> [ScannerDevice] {
        var list: UnsafeMutablePointer<UnsafePointer<SANE_Device>?>?
        let status = sane_get_devices(&list, SANE_FALSE)
        guard status == SANE_STATUS_GOOD else { throw ScannerError(status) }
        var devices: [ScannerDevice] = []
        var next = list
        while let one = next?.pointee {
            devices.append(ScannerDevice(one.pointee))
            next = next?.successor()
        }
        return devices
    }

    /// Opens a scanner for this program alone.
    ///
    /// - Parameter name: nil for the only one that there is.
    public func open(_ name: String? = nil) throws(ScannerError) -> OpenScanner {
        // One that is named is opened without looking for others: its driver alone is loaded.
        if let name { return OpenScanner(ScannerDevice(name: name), try handle(of: name), of: self) }
        let devices = try devices()
        guard let only = devices.first else { throw .noDevice }
        guard devices.count == 1 else { throw .severalDevices(names: devices.map(\.name)) }
        return OpenScanner(only, try handle(of: only.name), of: self)
    }

    private func handle(of name: String) throws(ScannerError) -> SANE_Handle {
        var handle: SANE_Handle?
        let status = sane_open(name, &handle)
        guard status == SANE_STATUS_GOOD, let handle else {
            throw status == SANE_STATUS_INVAL ? .unknownDevice : ScannerError(status)
        }
        return handle
    }
}
