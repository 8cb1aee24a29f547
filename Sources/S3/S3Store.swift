package import Foundation
import NIOHTTP1
public import Records
public import Storing

/// A bucket of any store that speaks S3, or a part of one, as a place for objects.
///
/// One request at a time; several threads may use one. What is in the store is whole or not there: the store itself takes an
/// object only with all its bytes and the digest that was signed.
public final class S3Store: BlobStore {
    /// What is larger goes in parts.
    private let largestPut: Int
    private let partSize: Int
    private let listed: Int
    private let line: S3Line
    private let bucket: S3Place

    /// What the place is called.
    public var place: String { bucket.text }

    /// Opens nothing yet.
    ///
    /// - Parameter patience: for how long a request is tried again before it counts as failed.
    /// - Throws: a refusal `store.settings`.
    public convenience init(
        _ settings: StoreSettings, at place: S3Place, patience: Duration = .seconds(60)
    ) throws(Refusal) {
        try self.init(settings, at: place, patience: patience, partSize: 16 << 20, listed: 1000)
    }

    /// With parts and pages of lists of another size, and another clock; S3 takes no part below 5 MiB but the last.
    package init(
        _ settings: StoreSettings, at place: S3Place, patience: Duration, partSize: Int, listed: Int,
        now: @escaping @Sendable () -> Date = { Date() }
    ) throws(Refusal) {
        line = try S3Line(settings, bucket: place.bucket, patience: patience, now: now)
        bucket = place
        self.partSize = partSize
        largestPut = partSize
        self.listed = listed
    }

    /// Stores an object that never changes.
    public func put(_ name: ObjectName, _ source: ObjectSource) throws(StoreError) {
        guard source.size > UInt64(largestPut) else {
            return try put(key(name), source.bytes(0..<source.size))
        }
        try putParts(key(name), source)
    }

    /// Stores a small object over another.
    public func replace(_ name: ObjectName, with bytes: [UInt8]) throws(StoreError) {
        try put(key(name), bytes)
    }

    /// One piece of an object.
    public func piece(
        of name: ObjectName, at offset: UInt64, count: Int, version: ObjectVersion?
    ) throws(StoreError) -> Piece {
        precondition(count > 0, "a piece of nothing")
        var headers = [("range", "bytes=\(offset)-\(offset + UInt64(count) - 1)")]
        if let version { headers.append(("if-match", version.text)) }
        let answer = try line.ask(
            .GET, key(name), headers: headers, most: count + 1 << 20, wanted: [200, 206, 416])
        if answer.status == 416 {
            // An empty object has no range.
            guard offset == 0, try size(of: name) == 0 else { throw .changed }
            return Piece(bytes: [], size: 0, version: ObjectVersion("empty"))
        }
        guard let tag = answer.headers.first(name: "ETag") else { throw .failed("no-etag") }
        let size: UInt64
        if answer.status == 206 {
            guard let range = answer.headers.first(name: "Content-Range"),
                let match = range.wholeMatch(of: #/bytes (\d+)-\d+/(\d+)/#), UInt64(match.1) == offset,
                let whole = UInt64(match.2)
            else { throw .failed("no-range") }
            size = whole
        } else {
            guard offset == 0 else { throw .failed("no-range") }
            size = UInt64(answer.body.count)
        }
        guard answer.body.count <= count else { throw .failed("no-range") }
        return Piece(bytes: answer.body, size: size, version: ObjectVersion(tag))
    }

    /// The objects whose names begin so.
    public func list(_ prefix: String) throws(StoreError) -> [StoredObject] {
        var found: [StoredObject] = []
        var token: String?
        repeat {
            var query = [("list-type", "2"), ("max-keys", String(listed)), ("prefix", bucket.prefix + prefix)]
            if let token { query.append(("continuation-token", token)) }
            let answer = try line.ask(.GET, nil, query: query, wanted: [200])
            guard let list = XMLAnswer(answer.body), let isTruncated = list.text("ListBucketResult", "IsTruncated")
            else {
                throw .failed("list")
            }
            found += try objects(list)
            let next = list.text("ListBucketResult", "NextContinuationToken")
            guard isTruncated == "true" else { break }
            guard let next, next != token else { throw .failed("list") }
            token = next
        } while true
        return found.sorted { $0.name < $1.name }
    }

    /// Removes an object.
    public func delete(_ name: ObjectName) throws(StoreError) {
        let answer = try line.ask(.DELETE, key(name), wanted: [200, 204, 404])
        // Without a word, or with the object's: it is gone.
        guard answer.status != 404 || answer.code != "NoSuchBucket" else { throw .placeNotThere }
    }

    /// The bytes of an object.
    public func size(of name: ObjectName) throws(StoreError) -> UInt64 {
        let answer = try line.ask(.HEAD, key(name), wanted: [200])
        guard let size = answer.number("Content-Length") else { throw .failed("no-length") }
        return size
    }

    // MARK: - How

    private func key(_ name: ObjectName) -> String { bucket.prefix + name.text }

    private func put(_ key: String, _ bytes: [UInt8]) throws(StoreError) {
        _ = try line.ask(.PUT, key, headers: Self.kind, body: bytes, wanted: [200])
    }

    private static let kind = [("content-type", "application/octet-stream")]

    private func putParts(_ key: String, _ source: ObjectSource) throws(StoreError) {
        let began = try line.ask(.POST, key, query: [("uploads", "")], headers: Self.kind, wanted: [200])
        guard let upload = XMLAnswer(began.body)?.text("InitiateMultipartUploadResult", "UploadId"), !upload.isEmpty
        else { throw .failed("no-upload") }
        do throws(StoreError) {
            // S3 takes at most 10,000 parts.
            let size = max(UInt64(partSize), (source.size + 9_999) / 10_000)
            var tags: [String] = []
            for start in stride(from: 0, to: source.size, by: UInt64.Stride(size)) {
                let bytes = try source.bytes(start..<min(source.size, start + size))
                let answer = try line.ask(
                    .PUT, key, query: [("partNumber", String(tags.count + 1)), ("uploadId", upload)], body: bytes,
                    wanted: [200])
                guard let tag = answer.headers.first(name: "ETag"),
                    tag.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: "&") })
                else { throw StoreError.failed("no-etag") }
                tags.append(tag)
            }
            try complete(key, upload, tags, source.size)
        } catch {
            // Nothing of it is visible; what is left of it takes room until the store forgets it.
            _ = try? line.ask(.DELETE, key, query: [("uploadId", upload)], wanted: [200, 204, 404])
            throw error
        }
    }

    private func complete(_ key: String, _ upload: String, _ tags: [String], _ size: UInt64) throws(StoreError) {
        let parts = tags.enumerated().map {
            "<Part><PartNumber>\($0 + 1)</PartNumber><ETag>\($1)</ETag></Part>"
        }
        let body = Array(
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\(parts.joined())</CompleteMultipartUpload>"
                .utf8)
        let answer = try line.ask(
            .POST, key, query: [("uploadId", upload)], headers: [("content-type", "application/xml")], body: body,
            wanted: [200, 404])
        // A store that takes long begins its answer before it knows; and asked again after a lost answer, it has no such upload.
        guard answer.status == 404 || answer.code != nil else { return }
        let head = try line.ask(.HEAD, key, wanted: [200, 404])
        guard head.status == 200, head.number("Content-Length") == size else {
            throw answer.status == 404 ? .failed("NoSuchUpload") : S3Line.error(answer)
        }
    }

    private func objects(_ list: XMLAnswer) throws(StoreError) -> [StoredObject] {
        var found: [StoredObject] = []
        var key: (text: String, parent: Int)?
        for leaf in list.leaves where leaf.path.count == 3 && leaf.path[1] == "Contents" {
            if leaf.path[2] == "Key" { key = (leaf.text, leaf.parent) }
            guard leaf.path[2] == "Size", let named = key, named.parent == leaf.parent else { continue }
            guard let size = UInt64(leaf.text), named.text.hasPrefix(bucket.prefix) else { throw .failed("list") }
            // What others keep in the bucket under names that are none of ours is not ours.
            guard let name = ObjectName(String(named.text.dropFirst(bucket.prefix.count))) else { continue }
            found.append(StoredObject(name: name, size: size))
        }
        return found
    }
}
