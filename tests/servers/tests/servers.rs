//! What a server of a test does when it is asked to.

use std::time::Duration;

use servers::{Cluster, NodeRole, Persistence, Reply, Server, Settings};

fn text(reply: &Reply) -> String {
    reply.text().into_owned()
}

#[test]
fn what_is_kept_over_a_kill_is_what_the_settings_say() {
    let cases = [(Persistence::None, ""), (Persistence::AppendAlways, "value"), (Persistence::Snapshots, "")];
    for (persistence, expected) in cases {
        // Given a server with a value
        let mut server = Server::start(&Settings::new().persistence(persistence)).unwrap();
        let address = server.address();
        server.ask(&["SET", "key", "value"]).unwrap();
        // When it is killed and started again
        server.kill_9().unwrap();
        assert!(server.ask(&["PING"]).is_err());
        server.restart().unwrap();
        // Then it has what it says it keeps, at the same address
        assert_eq!(text(&server.ask(&["GET", "key"]).unwrap()), expected, "{persistence:?}");
        assert_eq!(server.address(), address);
    }
}

#[test]
fn a_server_that_ends_in_order_saves_and_one_that_is_emptied_has_nothing() {
    // Given a server with snapshots and a value, when it is asked to end and started again, then the value is there
    let mut server = Server::start(&Settings::new().persistence(Persistence::Snapshots)).unwrap();
    server.ask(&["SET", "key", "value"]).unwrap();
    server.restart().unwrap();
    assert_eq!(text(&server.ask(&["GET", "key"]).unwrap()), "value");
    // And when it is started empty, then it is not
    server.restart_empty().unwrap();
    assert_eq!(server.ask(&["GET", "key"]).unwrap(), Reply::Nil);
}

#[test]
fn a_suspended_server_answers_when_it_is_resumed() {
    // Given a suspended server that was sent a command
    let server = Server::start(&Settings::new()).unwrap();
    let mut connection = server.connect().unwrap();
    server.suspend().unwrap();
    let waiting = std::thread::spawn(move || connection.ask(&["PING"]));
    std::thread::sleep(Duration::from_millis(200));
    assert!(!waiting.is_finished());
    // When it is resumed, then the answer comes
    server.resume().unwrap();
    assert_eq!(text(&waiting.join().unwrap().unwrap()), "PONG");
}

#[test]
fn settings_and_users_reach_the_server() {
    // Given a limit and a user who may only read
    let settings = Settings::new()
        .line("maxmemory 64mb")
        .line("maxmemory-policy allkeys-lru")
        .user("reader on >secret ~* -@all +get +auth");
    let server = Server::start(&settings).unwrap();
    // Then the limit is set, and the user may read and not write
    assert_eq!(server.info("maxmemory_policy").unwrap(), "allkeys-lru");
    let mut connection = server.connect().unwrap();
    connection.ask(&["AUTH", "reader", "secret"]).unwrap();
    assert_eq!(connection.ask(&["GET", "key"]).unwrap(), Reply::Nil);
    assert!(
        matches!(connection.send(&["SET", "key", "value"]).unwrap(), Reply::Error(text) if text.contains("NOPERM"))
    );
}

#[test]
fn a_server_that_cannot_start_says_why() {
    // Given a setting that does not exist, when it is started, then the fault holds what the server wrote
    let fault = Server::start(&Settings::new().line("no-such-setting yes")).unwrap_err();
    assert!(fault.to_string().contains("no-such-setting"), "{fault}");
}

#[test]
fn a_cluster_is_whole_moves_slots_and_survives_the_loss_of_a_master() {
    // Given three masters with a replica each, and a key
    let mut cluster = Cluster::start(3, 1, &Settings::new()).unwrap();
    assert_eq!(cluster.role(2).unwrap(), NodeRole::Master);
    assert_eq!(cluster.role(3).unwrap(), NodeRole::Replica);
    // (The slot of "{x}" is 16287.)
    assert_eq!(cluster.owner(16_287, 0).unwrap(), Some(2));
    cluster.node(2).ask(&["SET", "{x}", "value"]).unwrap();
    assert!(cluster.node(0).ask(&["GET", "{x}"]).unwrap_err().to_string().contains("MOVED 16287"));
    // When its slot is moved, then the key is where the slot is
    cluster.move_slot(16_287, 0).unwrap();
    assert_eq!(text(&cluster.node(0).ask(&["GET", "{x}"]).unwrap()), "value");
    // When a master is killed, then its replica takes its place
    cluster.node(1).kill_9().unwrap();
    cluster.wait_until_failed(1, 0, Duration::from_secs(20)).unwrap();
    cluster.wait_until_whole(Duration::from_secs(20)).unwrap();
    assert_eq!(cluster.role(4).unwrap(), NodeRole::Master);
    // And when it comes back, it follows
    cluster.node(1).restart().unwrap();
    cluster.wait_until_whole(Duration::from_secs(20)).unwrap();
    cluster.wait_until_followed(Duration::from_secs(20)).unwrap();
    assert_eq!((cluster.master_of(1).unwrap(), cluster.master_of(4).unwrap()), (Some(4), None));
}
