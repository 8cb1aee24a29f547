import FoundationEssentials
import Glibc
import Sandbox
import Testing

/// What a renderer could do that a document took over: a program of ours in its place tries it. Each prints what
/// succeeded, so nothing is what is hoped for.
@Suite struct RendererTests {
    /// Runs a Python program where poppler would run.
    private func attempt(_ script: String, seconds: Double = 15) throws -> [Substring] {
        let inspector = try Inspector(program: program, seconds: seconds)
        defer { inspector.shutdown() }
        let output = try inspector.runAsRenderer(["/usr/bin/python3", "-c", script], on: sealed([1, 2, 3]))
        return String(decoding: output, as: UTF8.self).split(separator: "\n")
    }

    @Test func `A renderer finds nothing it can write to`() throws {
        let found = try attempt(
            """
            import os
            print("tried")
            for folder, folders, files in os.walk("/"):
                if folder.count("/") > 2 or folder.startswith("/proc/"):
                    folders[:] = []
                for name in ["strongroom-check"] + files:
                    path = os.path.join(folder, name)
                    if path == "/dev/null":
                        continue
                    try:
                        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK))
                        print(path)
                    except OSError:
                        pass
            """)
        #expect(found == ["tried"])
    }

    @Test func `A renderer may have threads, but not many, and no processes`() throws {
        let found = try attempt(
            """
            import os, threading
            try:
                if os.fork() == 0:
                    os._exit(0)
                print("fork")
            except PermissionError:
                pass
            stop = threading.Event()
            threads = []
            try:
                for number in range(100):
                    threads.append(threading.Thread(target=stop.wait, daemon=True))
                    threads[-1].start()
            except RuntimeError:
                pass
            print("threads", 8 <= len(threads) <= 64)
            stop.set()
            """)
        #expect(found == ["threads True"])
    }

    @Test func `A renderer has no sockets, of any family`() throws {
        let found = try attempt(
            """
            import socket
            print("tried")
            for family in range(46):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
                    try:
                        socket.socket(family, kind)
                        print("family", family)
                    except PermissionError:
                        pass
                    except OSError as error:
                        print(family, error)
            try:
                socket.socketpair()
                print("pair")
            except PermissionError:
                pass
            """)
        #expect(found == ["tried"])
    }

    @Test func `A renderer has no memory beside what its limits count`() throws {
        let found = try attempt(
            """
            import mmap, os
            print("tried")
            try:
                mmap.mmap(-1, 1 << 20)
                print("shared memory")
            except PermissionError:
                pass
            try:
                os.memfd_create("x")
                print("memory file")
            except PermissionError:
                pass
            mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            try:
                bytearray(2 << 30)
                print("2 GiB")
            except MemoryError:
                pass
            """)
        #expect(found == ["tried"])
    }

    #if arch(x86_64)
        @Test func `A renderer may not call what administers a machine or looks into others`() throws {
            let found = try attempt(
                """
                import ctypes, errno
                print("tried")
                call = ctypes.CDLL(None, use_errno=True).syscall
                refused = dict(ptrace=101, process_vm_readv=310, unshare=272, setns=308, mount=165, umount2=166,
                    pivot_root=155, chroot=161, fsopen=430, open_tree=428, move_mount=429, bpf=321, keyctl=250,
                    add_key=248, request_key=249, perf_event_open=298, userfaultfd=323, io_uring_setup=425,
                    io_uring_enter=426, io_uring_register=427, init_module=175, finit_module=313, kexec_load=246,
                    kexec_file_load=320, reboot=169, shmget=29, semget=64, msgget=68, mq_open=240, fork=57, vfork=58,
                    modify_ldt=154, iopl=172, syslog=103, pidfd_open=434, pidfd_getfd=438, name_to_handle_at=303)
                for name, number in refused.items():
                    if call(number, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.EPERM:
                        print(name)
                for space in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
                    if call(56, space | 17, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.EPERM:
                        print("clone", hex(space))
                # What the filter cannot look into, what it does not know, and the numbers of x32.
                for number in (435, 463, 0x40000000 + 39):
                    if call(number, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.ENOSYS:
                        print(number)
                """)
            #expect(found == ["tried"])
        }
    #endif

    @Test func `A renderer is given its document, empty input and a place for its output, and nothing else`() throws {
        let found = try attempt(
            """
            import os
            for name in os.listdir("/proc/self/fd"):
                try:
                    print(name, os.readlink("/proc/self/fd/" + name).split(":")[0].split(" ")[0])
                except OSError:
                    pass
            """)
        #expect(Set(found) == ["0 /dev/null", "1 pipe", "2 /dev/null", "3 /memfd"])
    }

    @Test func `A renderer that closes its output and goes on is ended at its time`() throws {
        let inspector = try Inspector(program: program, seconds: 1)
        defer { inspector.shutdown() }
        #expect(throws: SandboxError.timedOut) {
            let script = "import os, time; os.close(1); os.close(2); time.sleep(20)"
            _ = try inspector.runAsRenderer(["/usr/bin/python3", "-c", script], on: sealed([1, 2, 3]))
        }
    }

    @Test func `A program takes many documents, and makes a memory file`() throws {
        let tool = Tool(
            bubblewrap: "/usr/bin/bwrap", seconds: 15, memoryMiB: 128, maximumOutput: 1 << 20, name: "what joins")
        let first = try sealed([1, 2, 3])
        let second = try sealed([UInt8](repeating: 9, count: 200_000))
        let files = Array(repeating: [first.descriptor, second.descriptor], count: Tool.mostDocuments / 2).flatMap(
            \.self)
        let last = "/proc/self/fd/\(2 + files.count)"
        let both = try tool.make(["cat", "/proc/self/fd/3", last], from: files)
        #expect(try both.withBytes { Array($0) } == [1, 2, 3] + [UInt8](repeating: 9, count: 200_000))
        let open = try tool.make(
            ["python3", "-c", "import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[-2:])"], from: files)
        #expect(try open.withBytes { String(decoding: $0, as: UTF8.self) }.contains("\(2 + files.count),"))
        #expect(throws: SandboxError.self) { _ = try tool.make(["true"], from: files + files) }
        #expect(throws: SandboxError.unavailable(reason: "what joins is not installed")) {
            _ = try tool.make(["no-such-program"], from: [first.descriptor])
        }
        #expect(throws: SandboxError.tooLarge) {
            _ = try tool.make(["cat"] + Array(repeating: last, count: 6), from: files)
        }
    }

    @Test
    func
        `What may write has a place in memory for it, so large and no larger, and nothing of it is there the next time`()
        throws
    {
        var tool = Tool(bubblewrap: "/usr/bin/bwrap", seconds: 15, memoryMiB: 128, maximumOutput: 1 << 20, name: "it")
        tool.scratchMiB = 8
        let file = try sealed([1])
        let script = """
            import os
            print(os.listdir("/tmp"))
            open("/tmp/small", "wb").write(bytes(1 << 20))
            for name, size in (("/tmp/large", 9 << 20), ("/strongroom-check", 1), ("/usr/strongroom-check", 1), ("/etc/x", 1)):
                try:
                    with open(name, "wb") as out:
                        out.write(bytes(size))
                    print("wrote", name)
                except OSError:
                    pass
            """
        for _ in 0..<2 {
            let said = try tool.make(["python3", "-c", script], from: [file.descriptor])
            #expect(try said.withBytes { String(decoding: $0, as: UTF8.self) } == "[]\n")
        }
        tool.scratchMiB = 0
        #expect(throws: SandboxError.crashed) {
            _ = try tool.make(["python3", "-c", "open('/tmp/small', 'wb')"], from: [file.descriptor])
        }
    }

    @Test func `Who makes papers gives way, has the memory it was given, and says when that is not enough`() throws {
        let tool = Tool(bubblewrap: "/usr/bin/bwrap", seconds: 15, memoryMiB: 128, maximumOutput: 1 << 20, name: "it")
        let file = try sealed([1])
        let nice = try tool.make(["python3", "-c", "import os; print(os.nice(0) >= 10)"], from: [file.descriptor])
        #expect(try nice.withBytes { String(decoding: $0, as: UTF8.self) } == "True\n")
        let script = """
            import sys
            bytearray(64 << 20)
            try:
                bytearray(160 << 20)
            except MemoryError:
                sys.exit(\(Tool.noMemory))
            """
        #expect(throws: SandboxError.tooLarge) {
            _ = try tool.make(["python3", "-c", script], from: [file.descriptor])
        }
    }
}
