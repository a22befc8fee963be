import Telemetry
import Testing

@Suite struct TraceContextTests {
  private static let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  @Test func aChildContinuesTheCallersTrace() throws {
    let caller = try #require(TraceContext(traceparent: Self.valid))
    let child = caller.child()
    #expect(child.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
    #expect(child.parentID == "00f067aa0ba902b7")
    #expect(child.spanID != caller.spanID)
    #expect(child.isSampled)
    #expect(TraceContext(traceparent: child.traceparent)?.traceID == child.traceID)
  }

  @Test(arguments: [
    "", "00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
    "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
    "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "é00-4bf92f3577b34da6a3ce929d0e0e4736",
  ])
  func whatIsNotValidIsAsIfThereWereNone(_ text: String) {
    #expect(TraceContext(traceparent: text) == nil)
  }

  @Test func aLaterVersionMayHaveMoreFields() {
    #expect(TraceContext(traceparent: "01" + Self.valid.dropFirst(2) + "-extra") != nil)
  }

  @Test func aTraceThatIsNotSampledStaysSo() throws {
    let context = try #require(TraceContext(traceparent: Self.valid.dropLast(2) + "00"))
    #expect(!context.child().isSampled)
    #expect(context.traceparent.hasSuffix("-00"))
  }
}
