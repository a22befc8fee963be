import Foundation
import Testing

@testable import prsm

@Suite("What failures are called") struct FailureTextTests {
  @Test("a full disk is called that, wherever it is met")
  func fullDisk() {
    let failure = CommandFailure(adding: CocoaError(.fileWriteOutOfSpace))
    #expect(failure.status == .unavailable)
    #expect(failure.message == "the disk is full; make room and try again")
    #expect(CommandFailure(adding: CocoaError(.fileWriteNoPermission)).message.contains("permissions"))
  }
}
