//! Who answers for which slot of a cluster, out of what its nodes say.

use std::collections::{BTreeMap, BTreeSet};

use super::keys::SLOTS;

/// Host and port of a node.
pub(super) type Place = (String, u16);

/// What one node says of the masters that it knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct View {
    /// By their id.
    masters: BTreeMap<String, Master>,
    /// Where all nodes are, replicas included, those that are called failed left out.
    nodes: BTreeSet<Place>,
    /// The id of the node that says it, when it is itself a master with slots: only these decide who is one.
    own: Option<String>,
}

/// A node that answers for slots.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Master {
    place: Place,
    /// Grows with every change of who answers for slots: the later claim counts.
    epoch: u64,
    slots: Vec<(u16, u16)>,
}

impl View {
    /// Reads what `CLUSTER NODES` answers; `asked` is the host that was, which need not know its own address. Lines that do not
    /// read are passed over.
    pub(super) fn read(text: &str, asked: &str) -> Self {
        let mut view = Self::default();
        for line in text.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let [id, address, flags, _, _, _, epoch, _, slots @ ..] = &fields[..] else { continue };
            let flags: BTreeSet<&str> = flags.split(',').collect();
            let Some(place) = place(address, asked) else { continue };
            if flags.contains("fail") || flags.contains("noaddr") || flags.contains("handshake") {
                continue;
            }
            view.nodes.insert(place.clone());
            let slots: Vec<(u16, u16)> = slots.iter().filter_map(|range| slot_range(range)).collect();
            if !flags.contains("master") || slots.is_empty() {
                continue;
            }
            if flags.contains("myself") {
                view.own = Some((*id).to_owned());
            }
            let epoch = epoch.parse().unwrap_or_default();
            view.masters.insert((*id).to_owned(), Master { place, epoch, slots });
        }
        view
    }
}

/// `host:port@bus-port,name`: where clients reach a node.
fn place(address: &str, asked: &str) -> Option<Place> {
    let (host, port) = address.split('@').next()?.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some((if host.is_empty() { asked } else { host }.to_owned(), port))
}

/// `7` or `0-5460`; a slot on its way (`[93-<-id]`) belongs to whoever had it until it has arrived.
fn slot_range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some((first.parse().ok()?, last.parse().ok().filter(|last| *last < SLOTS)?))
}

/// Who answers for each slot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Topology {
    /// The masters, in the order of their places.
    pub(super) masters: Vec<Place>,
    /// All nodes that are known and not called failed.
    pub(super) nodes: BTreeSet<Place>,
    /// Ids and epochs of the masters that answer for slots: another one is another cluster.
    pub(super) identity: String,
    /// Whether, for every slot that somebody answers for, more than half of the masters name the same node: one that is cut
    /// off from the others may take writes for a while that are lost later.
    pub(super) agreed: bool,
    owners: Vec<Option<u16>>,
}

impl Topology {
    /// Puts together what several nodes say: of two claims to a slot, the one of the later epoch counts. What a node says
    /// of its own slots counts more than what others have heard of it.
    pub(super) fn of(views: &[View]) -> Self {
        let mut claims: Vec<Option<(u64, &str)>> = vec![None; usize::from(SLOTS)];
        let mut known: BTreeMap<&str, &Master> = BTreeMap::new();
        let answering: BTreeSet<&str> = views.iter().filter_map(|view| view.own.as_deref()).collect();
        let first_hand = |view: &View, id: &str| view.own.as_deref() == Some(id) || !answering.contains(id);
        let all = views.iter().flat_map(|view| view.masters.iter().map(move |(id, master)| (view, id, master)));
        for (_, id, master) in all.filter(|(view, id, _)| first_hand(view, id)) {
            for slot in master.slots.iter().flat_map(|(first, last)| *first..=*last) {
                let claim = &mut claims[usize::from(slot)];
                if claim.is_none_or(|(epoch, _)| epoch < master.epoch) {
                    *claim = Some((master.epoch, id));
                }
            }
            let latest = known.entry(id).or_insert(master);
            if latest.epoch < master.epoch {
                *latest = master;
            }
        }
        let owning: BTreeSet<&str> = claims.iter().flatten().map(|(_, id)| *id).collect();
        let mut masters: Vec<Place> = owning.iter().filter_map(|id| Some(known.get(id)?.place.clone())).collect();
        masters.sort_unstable();
        let number = |id: &str| {
            let place = &known.get(id)?.place;
            masters.binary_search(place).ok().and_then(|number| u16::try_from(number).ok())
        };
        let owners = claims.iter().map(|claim| claim.and_then(|(_, id)| number(id))).collect();
        // One that was asked at two addresses has one voice.
        let voters: BTreeMap<&str, &View> =
            views.iter().filter_map(|view| Some((view.own.as_deref()?, view))).collect();
        let claim = |master: &Master| (master.epoch, master.slots.clone());
        let names =
            |view: &View, id: &str| view.masters.get(id).map(claim) == known.get(id).map(|master| claim(master));
        let agreed = owning.iter().all(|id| 2 * voters.values().filter(|view| names(view, id)).count() > owning.len());
        let identity: Vec<String> =
            owning.iter().filter_map(|id| Some(format!("{id} {}", known.get(id)?.epoch))).collect();
        Self {
            masters,
            nodes: views.iter().flat_map(|view| view.nodes.iter().cloned()).collect(),
            identity: identity.join(", "),
            agreed: agreed && !owning.is_empty(),
            owners,
        }
    }

    /// Which of the masters answers for a slot.
    pub(super) fn owner(&self, slot: u16) -> Option<usize> {
        self.owners.get(usize::from(slot)).copied().flatten().map(usize::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "\
        a 127.0.0.1:7001@17001 myself,master - 0 0 1 connected 0-8191\n\
        b 127.0.0.1:7002@17002 master - 0 0 2 connected 8192-16383\n\
        c 127.0.0.1:7003@17003 slave a 0 0 1 connected\n";
    const NEW: &str = "\
        a 127.0.0.1:7001@17001 master,fail - 0 0 1 disconnected\n\
        b 127.0.0.1:7002@17002 master - 0 0 2 connected 8192-16383\n\
        c :7003@17003,name.example myself,master - 0 0 3 connected 0-8190 8191 [93->-b]\n";

    #[test]
    fn every_slot_has_the_owner_that_a_node_names() {
        let topology = Topology::of(&[View::read(OLD, "asked")]);
        let place = |port| ("127.0.0.1".to_owned(), port);
        assert_eq!(topology.masters, [place(7001), place(7002)]);
        assert_eq!([0, 8191, 8192, 16_383].map(|slot| topology.owner(slot)), [Some(0), Some(0), Some(1), Some(1)]);
        assert_eq!(topology.nodes.len(), 3);
        assert_eq!(topology.identity, "a 1, b 2");
    }

    #[test]
    fn of_two_claims_the_later_epoch_counts_in_whatever_order_they_are_heard() {
        for views in [[OLD, NEW], [NEW, OLD]] {
            let topology = Topology::of(&views.map(|text| View::read(text, "asked")));
            assert_eq!(topology.masters, [("127.0.0.1".to_owned(), 7002), ("asked".to_owned(), 7003)]);
            assert_eq!([0, 8191, 8192].map(|slot| topology.owner(slot)), [Some(1), Some(1), Some(0)]);
            assert_eq!(topology.identity, "b 2, c 3");
        }
    }

    #[test]
    fn what_a_node_says_of_its_own_slots_counts_more_than_what_others_have_heard() {
        // Given a node that has given a slot away to one of an earlier epoch, and another that has not heard of it
        let b = "a 127.0.0.1:7001@17001 master - 0 0 1 connected 0-8192\n\
            b 127.0.0.1:7002@17002 myself,master - 0 0 2 connected 8193-16383\n";
        let a = "a 127.0.0.1:7001@17001 myself,master - 0 0 1 connected 0-8192\n\
            b 127.0.0.1:7002@17002 master - 0 0 2 connected 8192-16383\n";
        let topology = Topology::of(&[a, b].map(|text| View::read(text, "asked")));
        assert_eq!([8191, 8192, 8193].map(|slot| topology.owner(slot)), [Some(0), Some(0), Some(1)]);
    }

    #[test]
    fn masters_are_agreed_on_when_more_than_half_of_them_name_them() {
        let of = |texts: &[&str]| Topology::of(&texts.iter().map(|text| View::read(text, "asked")).collect::<Vec<_>>());
        let by_b = OLD.replace("myself,", "").replace("7002@17002 ", "7002@17002 myself,");
        // One of two masters is not more than half
        assert!(!of(&[OLD]).agreed);
        // Nor is one that was asked at its address and at its name
        assert!(!of(&[OLD, OLD]).agreed);
        assert!(of(&[OLD, &by_b]).agreed);
        // A node that was cut off names itself, and the other has moved on
        assert!(!of(&[OLD, NEW]).agreed);
        assert!(!of(&[]).agreed);
    }

    #[test]
    fn what_does_not_read_is_passed_over() {
        let topology = Topology::of(&[View::read("nonsense\n\na b c\n", "asked")]);
        assert_eq!((topology.masters.len(), topology.owner(0)), (0, None));
    }
}
