import PeerNetwork
import Testing

@Suite struct LogPaceTests {
  @Test func aCrowdGetsSomeLinesASecondThatSayHowManyTheyStandFor() {
    var pace = LogPace(perSecond: 2)
    let start = ContinuousClock.now
    #expect(pace.count(at: start) == 1)
    #expect(pace.count(at: start) == 1)
    for step in 0..<500 { #expect(pace.count(at: start + .milliseconds(step)) == nil) }
    #expect(pace.count(at: start + .seconds(1)) == 501)
    #expect(pace.count(at: start + .seconds(1)) == 1)
    #expect(pace.count(at: start + .seconds(1)) == nil)
    #expect(pace.count(at: start + .seconds(9)) == 2)
  }
}
