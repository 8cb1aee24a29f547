import Glibc

/// What a process does for its secrets besides guarding them.
public enum ProcessHardening {
    /// Sets the core file limit to zero, for this process and those it starts; false when the system refuses.
    ///
    /// Where `core_pattern` is a pipe the kernel does not enforce the limit; guarded memory is left out of cores anyway.
    @discardableResult
    public static func disableCoreDumps() -> Bool {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        return setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none) == 0
    }
}
