// Looks at documents for strongroom, which starts it inside bubblewrap with a socket as descriptor 3; or, with a document there,
// writes pages of it.
import Glibc
import Inspection
import Sandbox

if isGivenDocument() { exit(writePages()) }
do {
    try serveInspections(over: Line(socket: 3), loading: { try MagicDatabase() })
} catch {
    var complaint = "strongroom-inspector is started by strongroom, inside its sandbox. (\(error))\n"
    complaint.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
    exit(64)
}
