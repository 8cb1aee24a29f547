import Foundation
import HTTPTypes
import HummingbirdTesting
import Testing
import Web

@Suite("The description of the interface for programs")
struct DescriptionTests {
    private struct Description: Decodable {
        struct Operation: Decodable {
            let operationId: String
            let responses: [String: Anything]
        }
        struct Anything: Decodable { init(from decoder: any Decoder) {} }
        struct Path: Decodable {
            let operations: [String: Operation]
            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: Key.self)
                var operations: [String: Operation] = [:]
                for key in container.allKeys where key.stringValue != "parameters" {
                    operations[key.stringValue] = try container.decode(Operation.self, forKey: key)
                }
                self.operations = operations
            }
        }
        struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
        let openapi: String
        let paths: [String: Path]
    }

    @Test("It names every route for programs and no other, each with what it can answer")
    func isTrue() async throws {
        let school = try School()
        let answer = try await school.visitor().get("/api/v1/openapi.json")
        #expect(answer.status == .ok && answer.headers[.contentType] == "application/json")
        let description = try JSONDecoder().decode(Description.self, from: Data(answer.text.utf8))
        #expect(description.openapi == "3.1.0")
        let said = description.paths.flatMap { path, item in
            item.operations.keys.map { "\($0.uppercased()) \(path)" }
        }
        let routes = Site.routes.filter { $0.path.hasPrefix("/api/") }.map { "\($0.method.rawValue) \($0.path)" }
        #expect(Set(said) == Set(routes) && said.count == routes.count)
        let operations = description.paths.values.flatMap(\.operations.values)
        #expect(Set(operations.map(\.operationId)).count == operations.count)
        #expect(operations.allSatisfy { $0.responses.keys.contains("500") && $0.responses.count > 2 })
    }
}
