//! What a server must be like, each found at start and said in one sentence.

use servers::{Cluster, Persistence, Server, Settings};
use store::redis::{Address, RedisStore};

use crate::common;

/// What opening a store at this address says: its error, or else its warnings.
async fn said(url: &str) -> String {
    match RedisStore::open(Address::parse(url, None).unwrap(), common::impatient()).await {
        Ok((_, warnings)) => warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        Err(error) => match std::error::Error::source(&error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

#[tokio::test]
async fn a_server_with_an_append_only_file_is_taken_without_a_word() {
    let server = Server::start(&common::settings().persistence(Persistence::AppendEverySecond)).unwrap();
    assert_eq!(said(&server.url()).await, "");
}

#[tokio::test]
async fn a_server_that_keeps_nothing_is_taken_with_a_warning() {
    let server = Server::start(&Settings::new()).unwrap();
    let said = said(&server.url()).await;
    assert!(said.contains("keeps no append-only file") && said.contains(&server.address().to_string()), "{said}");
}

#[tokio::test]
async fn a_server_that_evicts_is_refused() {
    let server = Server::start(&Settings::new().line("maxmemory 64mb").line("maxmemory-policy allkeys-lru")).unwrap();
    let said = said(&server.url()).await;
    assert!(said.contains("maxmemory-policy allkeys-lru") && said.contains("set it to noeviction"), "{said}");
}

#[tokio::test]
async fn a_replica_is_refused() {
    let master = Server::start(&Settings::new()).unwrap();
    let replica = Server::start(&Settings::new().line(format!("replicaof 127.0.0.1 {}", master.port()))).unwrap();
    let said = said(&replica.url()).await;
    assert!(said.contains("is a replica"), "{said}");
}

#[tokio::test]
async fn an_address_must_say_whether_it_is_a_cluster() {
    let server = Server::start(&Settings::new()).unwrap();
    let cluster = Cluster::start(3, 0, &Settings::new()).unwrap();
    let as_cluster = said(&format!("redis+cluster://{}", server.address())).await;
    assert!(
        as_cluster.contains("is not a node of a cluster") || as_cluster.contains("no node of the cluster"),
        "{as_cluster}"
    );
    let as_server = said(&cluster.nodes()[0].url()).await;
    assert!(as_server.contains("is a node of a cluster: write the address as redis+cluster://"), "{as_server}");
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_with_both_numbers() {
    let server = Server::start(&common::settings()).unwrap();
    assert!(!said(&server.url()).await.contains("format"));
    server.ask(&["SET", "g:d{store/format}", "version-\x02"]).unwrap();
    let said = said(&server.url()).await;
    assert!(said.contains("format 2") && said.contains("format 1"), "{said}");
}

#[tokio::test]
async fn every_missing_right_is_named() {
    // Given users who lack one right each, and one who may use other keys
    for right in common::RIGHTS.split_whitespace().filter(|word| word.starts_with('+') && !word.contains('|')) {
        let name = &right[1..];
        // These are not tried: one is for slots on their way, the others write the server's files anew.
        if ["asking", "bgrewriteaof", "bgsave"].contains(&name) {
            continue;
        }
        let rights = common::RIGHTS.replacen(&format!(" {right}"), "", 1).replace(&format!(" {right} "), " ");
        let server = Server::start(&Settings::new().user(format!("poor on >secret {rights}"))).unwrap();
        // When a store is opened as one of them, then it says what is missing
        let said = said(&server.url_of("poor", "secret")).await;
        assert!(said.contains(name) && (said.contains("may not run") || said.contains("NOPERM")), "{right}: {said}");
    }
    let rights = common::RIGHTS.replace("~g:*", "~other:*");
    let server = Server::start(&Settings::new().user(format!("poor on >secret {rights}"))).unwrap();
    let said = said(&server.url_of("poor", "secret")).await;
    assert!(said.contains("may not run set, get"), "{said}");
}

#[tokio::test]
async fn a_wrong_password_and_an_address_without_a_server_are_said_without_secrets() {
    let server = Server::start(&common::settings()).unwrap();
    let wrong = said(&server.url_of("gloed", "wrong-secret")).await;
    assert!(wrong.to_lowercase().contains("pass") && !wrong.contains("wrong-secret"), "{wrong}");
    drop(server);
    let nobody = said("redis://gloed:some-secret@127.0.0.1:1").await;
    assert!(nobody.contains("127.0.0.1:1") && !nobody.contains("some-secret"), "{nobody}");
}
