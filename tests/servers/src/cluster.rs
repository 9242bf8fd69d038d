//! A cluster of servers on this machine.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{Fault, Reply, Server, Settings};

/// How many slots a cluster has; fixed by its protocol.
const SLOTS: usize = 16_384;
/// How long a cluster may take until every node says that it is whole.
const JOIN_LIMIT: Duration = Duration::from_secs(30);
/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(25);
/// How long a node may be silent until the others call it failed, unless the settings say otherwise. Short, so that a
/// test of a failover does not take long; a real one has 15 s.
const NODE_TIMEOUT: &str = "cluster-node-timeout 2000";

/// What a node says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeRole {
    /// It answers for slots.
    Master,
    /// It follows a master.
    Replica,
}

/// So many servers, joined into one cluster. Nodes are numbered: the masters first, in the order of their slots, then
/// the replicas, of the first master, the second, … in turn. The numbers stay when a failover has changed the roles.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
    masters: usize,
}

impl Cluster {
    /// Starts so many masters, each with so many replicas, joins them, and waits until every node says that the cluster
    /// is whole and every replica follows its master.
    ///
    /// # Errors
    /// When a node cannot be started or the cluster is not whole within 30 s.
    pub fn start(masters: usize, replicas_each: usize, settings: &Settings) -> Result<Self, Fault> {
        // Its own lines come first, so that those of the settings replace them.
        let settings = settings.clone().first_lines(&["cluster-enabled yes", NODE_TIMEOUT]);
        let nodes: Vec<Server> =
            (0..masters * (1 + replicas_each)).map(|_| Server::start(&settings)).collect::<Result<_, _>>()?;
        let cluster = Self { nodes, masters };
        cluster.join()?;
        Ok(cluster)
    }

    /// The nodes, by number.
    #[must_use]
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// One node, to be killed or restarted.
    ///
    /// # Panics
    /// When there is no node of that number.
    pub fn node(&mut self, number: usize) -> &mut Server {
        &mut self.nodes[number]
    }

    /// Its address for clients, all nodes named, as the default user: `redis+cluster://host:port,host:port`.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|node| node.address().to_string()).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// The same as this user.
    #[must_use]
    pub fn url_of(&self, user: &str, password: &str) -> String {
        self.url().replacen("://", &format!("://{user}:{password}@"), 1)
    }

    /// What a node says that it is.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn role(&self, number: usize) -> Result<NodeRole, Fault> {
        let reply = self.nodes[number].ask(&["ROLE"])?;
        let Reply::List(words) = &reply else { return Err(odd("ROLE", &reply)) };
        Ok(if words.first().is_some_and(|word| word.text() == "master") { NodeRole::Master } else { NodeRole::Replica })
    }

    /// The number of the node that answers for a slot, as the node `asked` sees it; `None` when none does.
    ///
    /// # Errors
    /// When that node does not answer.
    pub fn owner(&self, slot: u16, asked: usize) -> Result<Option<usize>, Fault> {
        let reply = self.nodes[asked].ask(&["CLUSTER", "SLOTS"])?;
        let Reply::List(ranges) = &reply else { return Err(odd("CLUSTER SLOTS", &reply)) };
        let port = ranges.iter().find_map(|range| match range {
            Reply::List(fields) => match &fields[..] {
                [Reply::Number(first), Reply::Number(last), Reply::List(master), ..]
                    if (*first..=*last).contains(&i64::from(slot)) =>
                {
                    master.get(1).cloned()
                }
                _ => None,
            },
            _ => None,
        });
        Ok(self.nodes.iter().position(|node| port == Some(Reply::Number(node.port().into()))))
    }

    /// Moves one slot with all its keys to another node, as `redis-cli --cluster reshard` does, while clients go on.
    ///
    /// # Errors
    /// When a step is refused.
    pub fn move_slot(&self, slot: u16, to: usize) -> Result<(), Fault> {
        let Some(from) = self.holder(slot)?.filter(|from| *from != to) else { return Ok(()) };
        let (source, target) = (&self.nodes[from], &self.nodes[to]);
        let (source_id, target_id) = (self.id(from)?, self.id(to)?);
        let (slot_number, slot, port) = (slot, slot.to_string(), target.port().to_string());
        target.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source_id])?;
        source.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target_id])?;
        loop {
            let reply = source.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"])?;
            let Reply::List(keys) = &reply else { return Err(odd("CLUSTER GETKEYSINSLOT", &reply)) };
            if keys.is_empty() {
                break;
            }
            let mut words: Vec<&[u8]> = vec![b"MIGRATE", b"127.0.0.1", port.as_bytes(), b"", b"0", b"5000", b"KEYS"];
            words.extend(keys.iter().filter_map(|key| match key {
                Reply::Bytes(bytes) => Some(bytes.as_slice()),
                _ => None,
            }));
            source.ask(&words)?;
        }
        // The target first: between the two nobody would answer for the slot otherwise. The others would hear of it by and by.
        let mut told = vec![to, from];
        told.extend((0..self.nodes.len()).filter(|number| ![to, from].contains(number)));
        let master =
            |number: usize| Ok::<_, Fault>(self.nodes[number].id().is_some() && self.role(number)? == NodeRole::Master);
        let tell = |number: usize| self.nodes[number].ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &target_id]);
        for number in &told {
            if master(*number)? {
                tell(*number)?;
            }
        }
        self.agree(slot_number, to)
    }

    /// Waits until every master names this node for a slot that was moved there. A word of before that is still on its way
    /// between two nodes can undo a move, even a while later: whoever says otherwise is told again.
    ///
    /// # Errors
    /// When a step is refused, or they do not agree in time.
    pub fn agree(&self, slot: u16, to: usize) -> Result<(), Fault> {
        let (target_id, slot_text) = (self.id(to)?, slot.to_string());
        // The target first: else nobody would answer for the slot for a moment.
        let all = || std::iter::once(to).chain((0..self.nodes.len()).filter(move |number| *number != to));
        self.wait("a slot to have moved", JOIN_LIMIT, || {
            let mut dissent = None;
            for number in all().filter(|number| self.nodes[*number].id().is_some()) {
                if self.role(number)? == NodeRole::Master && self.owner(slot, number)? != Some(to) {
                    self.nodes[number].ask(&["CLUSTER", "SETSLOT", &slot_text, "NODE", &target_id])?;
                    dissent = Some(format!("node {number} names another one for slot {slot}"));
                }
            }
            Ok(dissent)
        })
    }

    /// The node that itself says that it answers for a slot.
    fn holder(&self, slot: u16) -> Result<Option<usize>, Fault> {
        for number in (0..self.nodes.len()).filter(|number| self.nodes[*number].id().is_some()) {
            if self.owner(slot, number)? == Some(number) && self.role(number)? == NodeRole::Master {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Waits until all of the nodes that run say that the cluster is whole, at most for `limit`.
    ///
    /// # Errors
    /// [`Fault::Deadline`] with what was seen last.
    pub fn wait_until_whole(&self, limit: Duration) -> Result<(), Fault> {
        self.wait("the cluster to be whole", limit, || {
            for node in self.nodes.iter().filter(|node| node.id().is_some()) {
                let reply = node.ask(&["CLUSTER", "INFO"])?;
                let text = reply.text();
                let field = |line: &str| text.lines().any(|found| found == line);
                if !field("cluster_state:ok") || !field(&format!("cluster_slots_ok:{SLOTS}")) {
                    return Ok(Some(format!("{}: {}", node.address(), text.replace("\r\n", " "))));
                }
            }
            Ok(None)
        })
    }

    /// Waits until the node `asked` calls the node `number` failed, at most for `limit`: so long after its end the
    /// cluster still looks whole.
    ///
    /// # Errors
    /// [`Fault::Deadline`] with what was seen last.
    pub fn wait_until_failed(&self, number: usize, asked: usize, limit: Duration) -> Result<(), Fault> {
        let port = format!(":{}@", self.nodes[number].port());
        self.wait("a node to be called failed", limit, || {
            let reply = self.nodes[asked].ask(&["CLUSTER", "NODES"])?;
            let text = reply.text();
            let flags = text.lines().find(|line| line.contains(&port)).and_then(|line| line.split(' ').nth(2));
            let failed = flags.is_some_and(|flags| flags.split(',').any(|flag| flag == "fail"));
            Ok((!failed).then(|| text.to_string()))
        })
    }

    /// Waits until there are as many masters as at the start and all other nodes follow one, at most for `limit`: then each
    /// can take over from its master.
    ///
    /// # Errors
    /// [`Fault::Deadline`] with what was seen last, and when a node does not answer.
    pub fn wait_until_followed(&self, limit: Duration) -> Result<(), Fault> {
        self.wait("the replicas to follow", limit, || {
            let mut followed = 0;
            for node in &self.nodes {
                followed += usize::from(node.info("master_link_status")? == "up");
            }
            let wanted = self.nodes.len() - self.masters;
            Ok((followed != wanted).then(|| format!("{followed} of {wanted} follow")))
        })
    }

    /// The number of the node that this replica follows; `None` for a master.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn master_of(&self, replica: usize) -> Result<Option<usize>, Fault> {
        let port = self.nodes[replica].info("master_port")?;
        Ok(self.nodes.iter().position(|node| node.port().to_string() == port))
    }

    /// A node's id.
    fn id(&self, number: usize) -> Result<String, Fault> {
        Ok(self.nodes[number].ask(&["CLUSTER", "MYID"])?.text().into_owned())
    }

    fn join(&self) -> Result<(), Fault> {
        let masters = self.masters;
        for (number, node) in self.nodes.iter().enumerate() {
            // Without one of its own, nodes would first settle who is the older.
            node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()])?;
            if number < masters {
                let first = (SLOTS * number / masters).to_string();
                let last = (SLOTS * (number + 1) / masters - 1).to_string();
                node.ask(&["CLUSTER", "ADDSLOTSRANGE", &first, &last])?;
            }
            if let Some(first) = self.nodes.first().filter(|_| number > 0) {
                node.ask(&["CLUSTER", "MEET", "127.0.0.1", &first.port().to_string()])?;
            }
        }
        self.wait("the nodes to know each other", JOIN_LIMIT, || {
            for node in &self.nodes {
                let reply = node.ask(&["CLUSTER", "NODES"])?;
                let known = reply.text().lines().filter(|line| !line.contains("handshake")).count();
                if known != self.nodes.len() {
                    return Ok(Some(reply.text().into_owned()));
                }
            }
            Ok(None)
        })?;
        for (number, node) in self.nodes.iter().enumerate().skip(masters) {
            node.ask(&["CLUSTER", "REPLICATE", &self.id((number - masters) % masters)?])?;
        }
        self.wait_until_whole(JOIN_LIMIT)?;
        self.wait_until_followed(JOIN_LIMIT)
    }

    /// Looks until `missing` says that nothing is missing.
    fn wait(
        &self,
        what: &str,
        limit: Duration,
        missing: impl Fn() -> Result<Option<String>, Fault>,
    ) -> Result<(), Fault> {
        let begun = Instant::now();
        while let Some(last) = missing()? {
            if begun.elapsed() > limit {
                return Err(Fault::Deadline { what: what.to_owned(), limit, last });
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }
}

fn odd(command: &str, reply: &Reply) -> Fault {
    Fault::Refused { command: command.to_owned(), found: format!("{reply:?}") }
}
