// The README's single-machine session prints what the README shows.

import Foundation
import Testing
import TestPrograms

@Suite(.timeLimit(.minutes(1))) struct HandTests {
    @Test func theSessionByHandPrintsWhatIsShown() throws {
        let scratch = try ReadmeScratch()
        try makePictures(in: scratch.path)
        let steps = Readme.steps(under: "By hand")
        #expect(steps.count > 8)
        // Redirects /tmp to a private directory.
        let own = script(of: steps).replacing("/tmp/", with: scratch.path + "/")
        let ended = try scratch.run("/usr/bin/bash", "-c", own, variables: scratch.mpi)
        expect(steps, toShow: ended, naming: [scratch.path + "/": "/tmp/", ProcessInfo.processInfo.hostName: "laptop"])
        for store in ["try-n0", "try-n1"] {
            #expect(scratch.text("\(store)/pictures/cover.jpg") == scratch.text("pictures/cover.jpg"))
        }
    }
}

@Suite struct BuildingTests {
    @Test func whoMayNotInstallFindsEveryPackageThatBuildingWants() {
        let table = Readme.file("tools/setup.sh").components(separatedBy: "TABLE'\n").dropFirst().first ?? ""
        let wanted = table.components(separatedBy: "\nTABLE")[0].split(separator: "\n").compactMap {
            $0.split(separator: " ").first.map(String.init)
        }
        let line = Readme.file("docs/operations.md").components(separatedBy: "apt-get install ").dropFirst().first ?? ""
        let told = line.components(separatedBy: "\n```")[0].split { " \\\n".contains($0) }.map(String.init)
        #expect(wanted.count > 15 && told == wanted, "\(Set(wanted).symmetricDifference(told))")
    }
}

/// Creates the tree used in the README's sessions.
func makePictures(in directory: String) throws {
    let pictures = URL(filePath: directory).appending(path: "pictures")
    try FileManager.default.createDirectory(at: pictures.appending(path: "2024"), withIntermediateDirectories: true)
    try noise(9 << 20).write(to: pictures.appending(path: "2024/lake.raw"))
    try noise(48_213).write(to: pictures.appending(path: "cover.jpg"))
    try FileManager.default.createSymbolicLink(
        atPath: pictures.path + "/front", withDestinationPath: "cover.jpg")
}
