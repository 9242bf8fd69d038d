//! Leads that nobody changes go by themselves.

use std::time::Duration;

use servers::Server;
use store::redis::Settings;
use store::{Change, Partitions, Store};

use crate::common::{self, change};

#[tokio::test]
async fn a_lead_that_nobody_changes_goes_by_itself_and_leaves_nothing_in_the_indexes() {
    // Given leads that live for a second: one due long ago, one due never
    let server = Server::start(&common::settings()).unwrap();
    let settings = Settings { retention: Duration::from_secs(1), ..Settings::default() };
    let store = common::open_with(&server, settings).await;
    let never = Change { wake: None, heat: None, outbox: Vec::new(), ..change(2, b"never") };
    store.commit(&[change(1, b"due"), never.clone()]).await.unwrap();
    // When they have gone
    let keys = [change(1, b"").key, change(2, b"").key];
    while store.load(&keys).await.unwrap().iter().any(Option::is_some) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Then none is due or scanned
    assert_eq!(store.due(&Partitions::ALL, 10_000_000, 10).await.unwrap(), []);
    let page = store.scan(never.key.partition(), None, 10).await.unwrap();
    assert_eq!((page.leads, page.next), (Vec::new(), None));
    // And the indexes hold neither
    for lead in keys {
        let tag = format!("g:{{{:02x}}}", lead.partition().0);
        for index in [format!("{tag}w"), format!("{tag}hshop")] {
            assert_eq!(server.ask(&["ZCARD", &index]).unwrap(), servers::Reply::Number(0), "{index}");
        }
    }
    // And one that comes anew stands where it is put, and nowhere else
    store.commit(&[Change { heat: None, wake: None, outbox: Vec::new(), ..change(1, b"anew") }]).await.unwrap();
    assert_eq!(store.top(&never.key.site, None, 10).await.unwrap(), []);
}
