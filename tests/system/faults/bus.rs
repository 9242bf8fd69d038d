//! The bus of a cluster, led through proxies: a node can be cut off from the other nodes and not from its clients.
//!
//! Each node announces the port of a proxy in place of that of its bus, and connects to the others from an address of its
//! own, by which their proxies know it. Replicas come in by the port for clients: a master that is cut off ends their
//! connections and is in protected mode, in which it takes nobody in who does not come from 127.0.0.1.

use std::{net::Ipv4Addr, time::Duration};

use servers::Cluster;
use tests::{
    fault_proxy::{Disturbance, FaultProxy},
    waiting,
};

/// In how long every node has heard where the others are now.
const HEARD_WITHIN: Duration = Duration::from_secs(20);

/// The proxies, by the number of the node that is behind them.
#[derive(Debug)]
pub(super) struct Bus {
    proxies: Vec<FaultProxy>,
}

impl Bus {
    /// Leads the bus of a whole cluster through proxies; stays so when nodes are started again.
    pub(super) async fn of(cluster: &Cluster) -> Self {
        // Before anybody connects anew: from their own addresses.
        for (number, node) in cluster.nodes().iter().enumerate() {
            node.ask(&["CONFIG", "SET", "protected-mode", "no", "cluster-announce-ip", "127.0.0.1"]).unwrap();
            node.ask(&["CONFIG", "SET", "bind-source-addr", &address(number).to_string()]).unwrap();
        }
        let mut proxies = Vec::new();
        for node in cluster.nodes() {
            let proxy = FaultProxy::before((Ipv4Addr::LOCALHOST, node.port() + 10_000).into()).await.unwrap();
            let port = proxy.address().port().to_string();
            node.ask(&["CONFIG", "SET", "cluster-announce-bus-port", &port]).unwrap();
            node.ask(&["CONFIG", "REWRITE"]).unwrap();
            proxies.push(proxy);
        }
        waiting::until("the nodes to have heard of the proxies", HEARD_WITHIN, async || {
            for node in cluster.nodes() {
                let known = node.ask(&["CLUSTER", "NODES"]).unwrap();
                let known = known.text();
                let is_known = |proxy: &FaultProxy| known.contains(&format!("@{} ", proxy.address().port()));
                if !proxies.iter().all(is_known) {
                    return Err(known.into_owned());
                }
            }
            Ok(())
        })
        .await
        .unwrap();
        // Whoever has heard that its master is elsewhere has connected to it anew.
        tokio::task::block_in_place(|| cluster.wait_until_followed(HEARD_WITHIN)).unwrap();
        Self { proxies }
    }

    /// Cuts a node off from all the others: nothing goes to it or comes from it any more.
    pub(super) fn cut_off(&self, cluster: &Cluster, number: usize) {
        self.proxies[number].disturb(Disturbance::Stall);
        for proxy in &self.proxies {
            proxy.disturb_client(address(number).into(), Disturbance::Stall);
        }
        cluster.nodes()[number].ask(&["CONFIG", "SET", "protected-mode", "yes"]).unwrap();
        cluster.nodes()[number].ask(&["CLIENT", "KILL", "TYPE", "replica"]).unwrap();
    }

    /// Lets all nodes reach each other again.
    pub(super) fn heal(&self, cluster: &Cluster) {
        for node in cluster.nodes() {
            node.ask(&["CONFIG", "SET", "protected-mode", "no"]).unwrap();
        }
        for proxy in &self.proxies {
            proxy.disturb(Disturbance::None);
        }
    }
}

/// Where a node connects to the others from.
fn address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, u8::try_from(number + 11).unwrap())
}
