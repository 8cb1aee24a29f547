import Foundation
import Storing
import Testing

/// What is a folder's own.
@Suite struct FolderTests {
    @Test func `A name leads nowhere but into the place`() {
        for text in ["a", "a/b", "blobs/ab/0123", "a.b-c_D", String(repeating: "a", count: 512)] {
            #expect(ObjectName(text)?.text == text)
        }
        for text in [
            "", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", ".hidden", "a/.hidden", "a b", "a\0b", "ä", "a%2fb",
            "a\\b",
            "a\n", String(repeating: "a", count: 513),
        ] {
            #expect(ObjectName(text) == nil, "\(text.debugDescription)")
        }
    }

    @Test func `What somebody left half written is never seen, and is gone when the folder is opened again`() throws {
        let folder = freshFolder()
        let store = try FolderStore(at: folder)
        try store.put(name("whole"), ObjectSource([1]))
        try Data([1, 2]).write(to: URL(filePath: folder + "/.storing/half"))
        #expect(try store.list("").map(\.name.text) == ["whole"])
        _ = try FolderStore(at: folder)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/.storing") == [])
        #expect(try store.all(name("whole")) == [1])
    }

    @Test func `What another process writes just now is left to it when the folder is opened again`() throws {
        let folder = freshFolder()
        _ = try FolderStore(at: folder)
        let path = folder + "/.storing/of-another"
        let descriptor = open(path, O_CREAT | O_RDWR, 0o600)
        defer { close(descriptor) }
        #expect(flock(descriptor, LOCK_EX) == 0)
        _ = try FolderStore(at: folder)
        #expect(FileManager.default.fileExists(atPath: path))
    }

    @Test func `A folder that cannot be, or is no longer there, is told as that`() throws {
        #expect(throws: StoreError.placeNotThere) { try FolderStore(at: freshFolder() + "/not/there") }
        let folder = freshFolder()
        let store = try FolderStore(at: folder)
        try FileManager.default.removeItem(atPath: folder)
        #expect(throws: StoreError.placeNotThere) { try store.put(name("a"), ObjectSource([1])) }
        #expect(throws: StoreError.placeNotThere) { try store.size(of: name("a")) }
        #expect(throws: StoreError.placeNotThere) { try store.list("") }
    }

    @Test func `A folder that may not be written is told as that`() throws {
        try #require(geteuid() != 0, "root may write everything")
        let folder = freshFolder()
        let store = try FolderStore(at: folder)
        try store.put(name("a"), ObjectSource([1]))
        #expect(chmod(folder + "/.storing", 0o500) == 0)
        defer { chmod(folder + "/.storing", 0o700) }
        #expect(throws: StoreError.refused) { try store.put(name("b"), ObjectSource([1])) }
        #expect(try store.all(name("a")) == [1])
    }

    @Test func `A link in the folder is no object`() throws {
        let folder = freshFolder()
        let store = try FolderStore(at: folder)
        try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "/etc/passwd")
        #expect(try store.list("") == [])
        #expect(throws: StoreError.self) { try store.all(name("link")) }
        #expect(throws: StoreError.notThere) { try store.size(of: name("link")) }
    }
}
