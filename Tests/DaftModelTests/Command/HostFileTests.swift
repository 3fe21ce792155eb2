// Host files, and error messages for invalid ones.
import DaftCommand
import DaftModel
import Testing

private func hosts(_ text: String) throws(Failure) -> [String] {
    try HostFile(text.utf8, path: "hosts").hosts.map(\.description)
}

private func complaint(_ text: some Collection<UInt8>) -> String? {
    do throws(Failure) {
        _ = try HostFile(Array(text), path: "hosts")
        return nil
    } catch {
        return "\(error)"
    }
}

@Suite struct HostFileTests {
    @Test(
        arguments: [
            ("n1", ["n1"]), ("n1\nn2\n", ["n1", "n2"]), ("# all\n\n  n1\t# the first\r\n", ["n1"]),
            ("me@n1:2222", ["me@n1:2222"]), ("a@b@n1", ["a@b@n1"]), ("10.0.0.1:22", ["10.0.0.1:22"]),
            ("[fe80::1]:22", ["[fe80::1]:22"]), ("me@[::1]", ["me@[::1]"]), ("[fe80::1%eth0]", ["[fe80::1%eth0]"]),
            ("n[1-3]", ["n1", "n2", "n3"]), ("n[08-11]", ["n08", "n09", "n10", "n11"]),
            ("n[01-02,20]", ["n01", "n02", "n20"]), ("r[1-2]n[1,3].x", ["r1n1.x", "r1n3.x", "r2n1.x", "r2n3.x"]),
            ("me@n[1-2]:22", ["me@n1:22", "me@n2:22"]), ("[1-2]n", ["1n", "2n"]), ("n[9-10]", ["n9", "n10"]),
            ("n1\nn1:23\nme@n1", ["n1", "n1:23", "me@n1"]),
        ] as [(String, [String])])
    func areRead(text: String, found: [String]) throws {
        #expect(try hosts(text) == found)
    }

    @Test(
        arguments: [
            ("", "hosts: there is no host in it"), ("#n1\n \n", "hosts: there is no host in it"),
            ("n1\n n1", "hosts:2:2: n1 stands in line 1 already"), ("n1\nN1", "hosts:2:1: N1 stands in line 1 already"),
            ("n[1,1]", "hosts:1:1: n1 stands in line 1 already"),
            ("n1 slots=4", "hosts:1:4: one host a line: `slots=4` is one too many"),
            ("-oProxyCommand=x", "hosts:1:1: a host's name does not begin with -"),
            ("me@-n", "hosts:1:4: a host's name does not begin with -"),
            ("-l@n1", "hosts:1:1: a user's name does not begin with -"), ("@n1", "hosts:1:1: no user before the @"),
            ("me@", "hosts:1:4: no host"), ("n1:", "hosts:1:4: `` is no port from 1 to 65535"),
            ("n1:0", "hosts:1:4: `0` is no port from 1 to 65535"),
            ("n1:65536", "hosts:1:4: `65536` is no port from 1 to 65535"),
            ("n1:+22", "hosts:1:4: `+22` is no port from 1 to 65535"),
            ("fe80::1", "hosts:1:1: an IPv6 address stands in brackets: [fe80::1]"),
            ("[::1]22", "hosts:1:6: after an address follows `:PORT` or nothing"),
            ("[::1$(x)]", "hosts:1:1: a host's name has no `$`"), ("n$1", "hosts:1:1: a host's name has no `$`"),
            ("a;b@n1", "hosts:1:1: a user's name has no `;`"), ("n\u{1}", "hosts:1:1: a host's name has no `\\x01`"),
            ("ñ1", "hosts:1:1: a host's name has no `ñ`"), ("n[1", "hosts:1:2: this bracket has no other"),
            ("n1]", "hosts:1:3: this bracket has no other"), ("n[[1]]", "hosts:1:2: this bracket has no other"),
            ("n[]", "hosts:1:2: `` is no number and no range, as 1-8"),
            ("n[a-b]", "hosts:1:2: `a-b` is no number and no range, as 1-8"),
            ("n[1-2-3]", "hosts:1:2: `1-2-3` is no number and no range, as 1-8"),
            ("n[3-1]", "hosts:1:2: 3-1 runs backwards"), ("n[1-5000]", "hosts:1:2: more than 4096 hosts in one word"),
            ("a[1-99]b[1-99]", "hosts:1:9: more than 4096 hosts in one word"),
            ("n[0-4095]\nm1", "hosts:2:1: more than 4096 hosts"),
            ("n[9999999999]", "hosts:1:2: `9999999999` is no number and no range, as 1-8"),
        ])
    func areRefusedByPlace(text: String, said: String) {
        #expect(complaint(text.utf8) == said)
    }

    @Test func bytesThatAreNoTextAreRefused() {
        #expect(complaint([0x6e, 0xff]) == "hosts:1:1: this is no UTF-8 text")
        #expect(complaint([0x6e, 0]) == "hosts:1:1: a host's name has no `\\x00`")
    }

    @Test func anyBytesAreReadOrRefused() {
        var dice = SeededNumbers(seed: 7)
        let letters = Array("n1[]-,:@%.# \n\r\u{e9}".utf8)
        for _ in 0..<20_000 {
            let text = (0..<Int.random(in: 1...12, using: &dice)).map { _ in letters.randomElement(using: &dice)! }
            guard let file = try? HostFile(text, path: "hosts") else { continue }
            for host in file.hosts {
                #expect(!host.name.isEmpty && !host.name.hasPrefix("-") && !host.user.hasPrefix("-"))
                #expect((try? HostFile(host.description.utf8, path: ""))?.hosts == [host])
            }
        }
    }

    @Test func aHostHasItsForm() {
        expectForms(
            [Host(user: "me", name: "n1", port: 0x1234), Host(name: "n")].compactMap { $0 },
            ["020000006d65" + "020000006e31" + "3412", "00000000" + "010000006e" + "0000"])
        #expect(Host(name: "-n") == nil && Host(user: "-l", name: "n") == nil && Host(name: "") == nil)
    }
}
