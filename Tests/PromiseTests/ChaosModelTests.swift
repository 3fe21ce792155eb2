// The chaos model itself: what it accepts, and what it reports as a violation.

import Testing

@Suite struct ChaosModelTests {
    private static let first = ChaosModel.Item(name: "/f", variant: 0)
    private static let second = ChaosModel.Item(name: "/f", variant: 1)

    private func model(trying items: ChaosModel.Item...) -> ChaosModel {
        var model = ChaosModel()
        model.begin(items)
        return model
    }

    @Test func anAcknowledgedNameHasItsContentForEver() {
        var model = model(trying: Self.first, Self.second)
        model.end([Self.first], .done, copies: 2, by: "put")
        #expect(model.possible("/f") == [0] && model.isAcknowledged("/f") && model["/f"].copies == 2)
        model.end([Self.second], .refused, by: "put")
        model.read("/f", .content(0), wasBound: true, by: "cat")
        #expect(model.violations.isEmpty)
        model.read("/f", .content(1), wasBound: true, by: "cat")
        #expect(model.violations.count == 1)
    }

    @Test func twoContentsOfOneNameAreNotBothAcknowledged() {
        var model = model(trying: Self.first, Self.second)
        model.end([Self.first], .done, by: "put")
        model.end([Self.second], .done, by: "put")
        #expect(model.violations == ["put: /f had the content 0, and has 1 now"])
    }

    @Test func afterAFailureANameMayHaveAnyContentThatWasTried() {
        var model = model(trying: Self.first, Self.second)
        model.end([Self.first], .failed, by: "put")
        #expect(model.possible("/f") == [0, 1] && !model.isBound("/f"))
        model.read("/f", .absent, wasBound: false, by: "cat")
        model.read("/f", .content(1), wasBound: false, by: "cat")
        #expect(model.violations.isEmpty)
        #expect(model.possible("/f") == [1] && !model.isAcknowledged("/f"))
        model.read("/f", .absent, wasBound: true, by: "cat")
        #expect(model.violations == ["cat: /f is published, and was not found"])
    }

    @Test func aReadThatBeganBeforeTheAcknowledgementMayFindNothing() {
        var model = model(trying: Self.first)
        let wasBound = model.isBound("/f")
        model.end([Self.first], .done, by: "put")
        model.read("/f", .absent, wasBound: wasBound, by: "cat")
        #expect(model.violations.isEmpty)
    }

    @Test func aRefusalNeedsARival() {
        var model = model(trying: Self.first)
        model.end([Self.first], .refused, by: "put")
        #expect(model.violations.count == 1)
    }

    @Test func whatWasRefusedIsNotFoundLater() {
        var model = model(trying: Self.first, Self.second)
        model.end([Self.first], .refused, by: "put")
        #expect(model.possible("/f") == [1])
        model.read("/f", .content(0), wasBound: false, by: "get")
        #expect(model.violations == ["get: /f has the content 0, which was refused before"])
    }

    @Test func aRefusalOfATreeSaysNothingOfOneName() {
        let other = ChaosModel.Item(name: "/g", variant: 0)
        var model = model(trying: Self.first, Self.second, other)
        model.end([Self.first, other], .refused, by: "put")
        #expect(model.possible("/f") == [0, 1] && model.possible("/g") == [0] && model.violations.isEmpty)
    }

    @Test(arguments: [ChaosModel.Reading.foreign, .lost])
    func wrongBytesAndALossAreNeverRight(reading: ChaosModel.Reading) {
        var model = model(trying: Self.first)
        model.read("/f", reading, wasBound: false, by: "get")
        #expect(model.violations.count == 1)
    }

    @Test func contentThatNobodyPublishedIsAViolation() {
        var model = model(trying: Self.first)
        model.read("/f", .content(1), wasBound: false, by: "get")
        #expect(model.violations == ["get: /f has the content 1, which nobody has published"])
    }

    @Test func theMostCopiesThatWereAcknowledgedAreWanted() {
        var model = model(trying: Self.first)
        model.end([Self.first], .done, copies: 2, by: "put")
        model.end([Self.first], .done, by: "put")
        model.end([Self.first], .failed, copies: 3, by: "put")
        #expect(model["/f"].copies == 2 && !model["/f"].isWantedEverywhere)
        model.end([Self.first], .done, everywhere: true, by: "bcast")
        #expect(model["/f"].isWantedEverywhere)
    }
}
