// What strongroom-inspector says of pictures of pages on standard input, and how long it took, as JSON; without the sandbox.
import Foundation
import Inspection

struct Said: Codable {
    let seconds: Double
    let pages: [PageReading]
}

let pictures = FileHandle.standardInput.readDataToEndOfFile()
let clock = ContinuousClock()
let began = clock.now
let pages = pictures.withUnsafeBytes { readPages($0) }
let took = began.duration(to: clock.now)
let said = Said(seconds: took / .seconds(1), pages: pages)
FileHandle.standardOutput.write(try JSONEncoder().encode(said))
