//! `?gloed_debug`: a developer reads in the console what was decided, and why not something else.

use super::{Journey, Origin, SOON};

#[tokio::test]
async fn debugging_says_in_plain_words_what_was_decided_and_what_was_not_offered() {
    for origin in Origin::BOTH {
        // given somebody who has agreed, and has closed the bar of the first visit
        let journey = Journey::begin(origin).await;
        journey.settle_in().await;

        // when a page is opened with the debugging words on
        journey.goto("/product/parka-ameland?gloed_debug").await;

        // then the console says that nothing was decided, and of each offer why not
        let told = journey.browser.wait_until("the words", SOON, async || {
            let lines = journey.browser.console().await.map_err(|fault| fault.to_string())?;
            let lines: String = lines.into_iter().map(|line| line.text + "\n").collect();
            let all = ["decided: no offer", "not offered:", "what comes before it did not happen"];
            if all.iter().all(|words| lines.contains(words)) { Ok(lines) } else { Err(lines) }
        });
        let told = told.await.unwrap();
        assert!(told.contains("sent to the collector"), "{told}");
        journey.assert_no_errors().await;
    }
}
