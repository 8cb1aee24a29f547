import Glibc

/// What every sandbox of ours is made of: no network, no other process, nothing to write to, no capability, an empty
/// environment, and of the machine only `/usr` and what programs in it cannot start without, read-only.
struct Bubblewrap: Sendable {
    let program: String
    /// Directories besides `/usr` that programs of ours need: where the Swift runtime was loaded from.
    let runtime: [String]

    init(program: String) {
        self.program = program
        self.runtime = Self.swiftRuntime()
    }

    /// The directory the Swift runtime of this process was loaded from; empty if it is linked in, or lies in `/usr`.
    private static func swiftRuntime() -> [String] {
        guard let maps = fopen("/proc/self/maps", "r") else { return [] }
        defer { fclose(maps) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, maps) > 0, let line {
            let text = String(cString: line)
            guard let start = text.firstIndex(of: "/"), let end = text.range(ofSuffix: "/libswiftCore.so\n") else {
                continue
            }
            let directory = String(text[start..<end])
            return directory.hasPrefix("/usr/") ? [] : [directory]
        }
        return []
    }

    /// The arguments of a sandbox, up to and with `--`.
    ///
    /// - Parameters:
    ///   - readOnly: pairs of a path outside and its path inside.
    ///   - filter: the descriptor, in the new program, of a system call filter; renderers alone are given one, and with
    ///     it what poppler and libvips look for. The inspector needs none of that, and confines itself.
    ///   - more: bubblewrap's own arguments for what else is there, before the root is closed.
    func arguments(
        readOnly: [(outside: String, inside: String)] = [], filter: Int32? = nil, more: [String] = []
    ) -> [String] {
        var result = [
            program, "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session",
            "--cap-drop", "ALL", "--clearenv", "--uid", "65534", "--gid", "65534", "--hostname", "sandbox",
            "--ro-bind", "/usr", "/usr",
        ]
        for name in ["lib", "lib32", "lib64", "libx32"] {
            var status = stat()
            guard lstat("/" + name, &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFLNK {
                result += ["--symlink", "usr/" + name, "/" + name]
            } else {
                result += ["--ro-bind", "/" + name, "/" + name]
            }
        }
        for directory in runtime { result += ["--ro-bind", directory, directory] }
        for pair in readOnly { result += ["--ro-bind", pair.outside, pair.inside] }
        result += ["--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]
        result += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
        if let filter {
            // Without fontconfig's cache poppler reads every font anew: 137 ms instead of 33.
            result += ["--ro-bind-try", "/etc/fonts", "/etc/fonts"]
            result += ["--ro-bind-try", "/var/cache/fontconfig", "/var/cache/fontconfig"]
            // Not bubblewrap's own /dev: it is a file system in memory, and /dev/shm in it can be filled.
            result += ["--proc", "/proc", "--remount-ro", "/proc", "--dev-bind", "/dev/null", "/dev/null"]
            result += ["--setenv", "LC_ALL", "C.UTF-8"]
            result += ["--setenv", "VIPS_BLOCK_UNTRUSTED", "1", "--setenv", "VIPS_CONCURRENCY", "1"]
            // libvips would want to put large pictures into files otherwise.
            result += ["--setenv", "VIPS_DISC_THRESHOLD", "1g", "--seccomp", "\(filter)"]
        }
        result += more
        result += ["--remount-ro", "/", "--chdir", "/", "--"]
        return result
    }
}

extension String {
    fileprivate func range(ofSuffix suffix: String) -> Index? {
        hasSuffix(suffix) ? index(endIndex, offsetBy: -suffix.count) : nil
    }
}
