import Routing
import Testing

@Suite struct PendingReviewsTests {
  @Test func whatComesTogetherIsOneReview() {
    let pending = PendingReviews()
    #expect(pending.add(.session("a")))
    for number in 0..<1000 { #expect(!pending.add(.session("\(number)"))) }
    #expect(!pending.add(.key("SHA256:k")))
    let review = pending.take()
    #expect(review.concerns(session: "a") && review.concerns(session: "999"))
    #expect(review.concerns(session: "other", key: "SHA256:k"))
    #expect(!review.concerns(session: "b") && !review.concerns(session: nil))
    // Taken: whoever comes next has to see to it again.
    #expect(pending.add(.session("b")))
    #expect(!pending.take().concerns(session: "a"))
  }

  @Test func everythingIsEverybody() {
    let pending = PendingReviews()
    #expect(pending.add(.session("a")))
    #expect(!pending.add(.everything))
    let review = pending.take()
    #expect(review.concerns(session: nil) && review.concerns(session: "b", key: "SHA256:k"))
  }
}
