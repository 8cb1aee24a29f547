import CLinux
import Glibc
package import Inspection

/// The inspector's whole life: limits itself, tries what the sandbox should prevent, says so, and then answers orders
/// until the line is closed. Runs inside the sandbox; nothing here is trusted by the other side.
package func serveInspections(over line: Line, loading: () throws -> MagicDatabase) throws {
    _ = strongroom_no_core_dumps()
    _ = strongroom_limit_file_size(0)
    _ = strongroom_limit_files(16)
    _ = strongroom_limit_address_space(6 << 30)
    _ = strongroom_limit_data(1 << 30)
    let challenge = try line.receive(Challenge.self)
    let magic = try loading()
    var breaches = breachesOfSandbox(forbidden: challenge.forbidden)
    _ = strongroom_limit_processes(0)
    if strongroom_confine() != 0 || canDoMore() { breaches.append(.unfiltered) }
    try line.send(Greeting(breaches: breaches))

    while let (order, descriptor) = try? line.receiveWithDescriptor(Order.self) {
        // Processor time for this document: the kernel ends the worker should the server's own clock fail to.
        let used = processorSeconds()
        _ = strongroom_limit_cpu_seconds(UInt64(used + 60), 3600)
        var answer = Answer()
        if let mapped = Mapped(descriptor: descriptor, count: order.count) {
            if let request = order.request { answer.observation = observe(mapped.bytes, request, magic: magic) }
            if let mediaType = order.textOf { answer.text = textRendition(mapped.bytes, mediaType: mediaType) }
            if order.readsPages { answer.pages = readPages(mapped.bytes) }
            if order.measuresPages { answer.sizes = pageSizes(ofTIFF: mapped.bytes) }
        }
        if descriptor >= 0 { close(descriptor) }
        answer.retire = processorSeconds() > 1800
        try line.send(answer)
    }
}

/// A document mapped for reading.
struct Mapped: ~Copyable {
    let bytes: UnsafeRawBufferPointer

    /// The whole of a file.
    init?(descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(descriptor: descriptor, count: Int(status.st_size))
    }

    init?(descriptor: Int32, count: Int) {
        guard count >= 0 else { return nil }
        guard count > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            return
        }
        guard let start = mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0), start != MAP_FAILED else {
            return nil
        }
        bytes = UnsafeRawBufferPointer(start: start, count: count)
    }

    deinit {
        if let start = bytes.baseAddress { munmap(UnsafeMutableRawPointer(mutating: start), bytes.count) }
    }
}

private func processorSeconds() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + 1
}

/// Tries what must not succeed here, and says what did.
private func breachesOfSandbox(forbidden: [String]) -> [Breach] {
    var breaches: [Breach] = []
    if forbidden.contains(where: canOpen) { breaches.append(.vaultOpens) }
    if ["/proc/1/environ", "/etc/passwd", "/etc/shadow", "/home", "/root", "/var"].contains(where: canOpen) {
        breaches.append(.machineOpens)
    }
    if ["/", "/usr/", "/usr/lib/", "/tmp/", "/dev/", "/dev/shm/"].contains(where: canCreate) {
        breaches.append(.writable)
    }
    // An address for documentation (RFC 5737): nothing is sent, for there must be no way to it.
    let network = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    if network >= 0 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(9).bigEndian
        address.sin_addr.s_addr = UInt32(0xc000_0201).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(network, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if connected == 0 { breaches.append(.network) }
        close(network)
    }
    // In a namespace of its own this process and bubblewrap's are the only ones.
    if getpid() > 16 { breaches.append(.processes) }
    return breaches
}

/// Whether the confined process can still have a socket, or memory that no limit counts.
private func canDoMore() -> Bool {
    let line = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let shared = mmap(nil, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0)
    return line >= 0 || shared != MAP_FAILED
}

private func canOpen(_ path: String) -> Bool {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    close(descriptor)
    return true
}

private func canCreate(in folder: String) -> Bool {
    let path = folder + "strongroom-check"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return false }
    close(descriptor)
    unlink(path)
    return true
}
