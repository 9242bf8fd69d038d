//! Losses of power at any moment: the log loses what was not synced, the store what it had not made durable, in any sectors.
//! What was acknowledged is there afterwards, once, and nothing panics.
//!
//! The seed is printed; `GLOED_SEED` replays a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use collector::accept;
use collector::clock::Clock as _;
use collector::problem::Problem;
use engine::{Millis, Span};
use tokio::task::JoinHandle;

use crate::bar;
use crate::twin::Twin;
use crate::world::{Running, World, store_in, touch, visitor};

const SECTOR: usize = 512;
const VISITORS: u64 = 6;
/// Losses of power that one store and log go through in a row.
const IN_A_ROW: u64 = 10;

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// What was said yes to, by visitor.
type Acknowledged = BTreeMap<u8, BTreeSet<String>>;

/// The newest journal of a store, and what it holds but for the zeros that it was made with.
fn journal(store: &Path) -> Option<(PathBuf, Vec<u8>)> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let journals = fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path());
    let newest = journals.filter(|path| path.extension().is_some_and(|end| end == "jnl")).max()?;
    let mut bytes = fs::read(&newest).unwrap();
    let blocks = bytes.rchunks(ZEROS.len()).take_while(|block| **block == ZEROS[..block.len()]).count();
    bytes.truncate(bytes.len().saturating_sub(blocks * ZEROS.len()));
    Some((newest, bytes))
}

/// How many bytes of a journal were there before a sync of it that has ended, as the store notes it.
fn durable(store: &Path, journal: &Path) -> usize {
    let Ok(noted) = fs::read_to_string(store.join("persisted")) else { return 0 };
    let (number, bytes) = noted.trim_end().split_once(' ').unwrap();
    if journal.file_stem().unwrap() == number { bytes.parse().unwrap() } else { 0 }
}

/// The folder of a store as a loss of power leaves it: all but the newest journal is synced by its owner; of that, what was
/// durable is there, and of the rest any sectors, up to any length.
fn cut(store: &Path, random: &mut Random, to: &Path) {
    copy(store, to);
    let Some((path, mut bytes)) = journal(store) else { return };
    let durable = durable(to, &path).min(bytes.len());
    bytes.truncate(durable + random.below((bytes.len() - durable) as u64 + 1) as usize);
    for start in (durable / SECTOR * SECTOR..bytes.len()).step_by(SECTOR) {
        if random.below(5) == 0 {
            let end = (start + SECTOR).min(bytes.len());
            bytes[start.max(durable)..end].fill(0);
        }
    }
    bytes.resize(bytes.len() + 4096, 0);
    fs::write(to.join(path.file_name().unwrap()), bytes).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else if path.extension().is_none_or(|end| end != "jnl")
            || journal(from).is_none_or(|(newest, _)| newest != path)
        {
            fs::copy(&path, target).unwrap();
        }
    }
}

/// A while of a collector's life: events that are acknowledged, now and then a store that is made durable.
async fn live(running: &Running, world: &World, random: &mut Random, yes: &mut Acknowledged) {
    for _ in 0..3 + random.below(12) {
        let mut waiting = Vec::new();
        for _ in 0..1 + random.below(6) {
            let number = u8::try_from(random.below(VISITORS)).unwrap();
            let ids: Vec<String> = (0..1 + random.below(4)).map(|_| format!("{:016x}", random.next())).collect();
            waiting.push((number, ids.clone(), begun(running, world, number, &ids)));
        }
        for (number, ids, appended) in waiting {
            appended.await.unwrap().unwrap();
            yes.entry(number).or_default().extend(ids);
        }
        match random.below(6) {
            0 => running.applied().await,
            1 => {
                running.app().store.persist().await.unwrap();
            }
            2 => running.app().log.rotate().unwrap(),
            3 => world.pass(Span::seconds(7)),
            _ => {}
        }
    }
}

/// Events on their way.
fn begun(running: &Running, world: &World, number: u8, ids: &[String]) -> JoinHandle<Result<(), Problem>> {
    let touches = ids.iter().map(|id| touch(id, world.now())).collect();
    let app = running.app().clone();
    tokio::spawn(async move { accept::append(&app, &visitor(number), touches, None).await })
}

impl World {
    fn now(&self) -> Millis {
        self.clock.now()
    }
}

/// What was acknowledged and is not there; what is there and nobody sent.
async fn difference(running: &Running, yes: &Acknowledged, sent: &BTreeSet<String>) -> (usize, usize) {
    let (mut lost, mut invented) = (0, 0);
    for number in 0..u8::try_from(VISITORS).unwrap() {
        let kept = running.ids(number).await;
        let set: BTreeSet<String> = kept.iter().cloned().collect();
        invented += kept.len() - set.len() + set.difference(sent).count();
        lost += yes.get(&number).map_or(0, |yes| yes.difference(&set).count());
    }
    (lost, invented)
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_no_loss_of_power_loses_or_doubles_what_was_acknowledged() {
    let cuts: u64 = if std::env::var_os("GLOED_LONG").is_some() { 200 } else { 20 };
    let seed = std::env::var("GLOED_SEED")
        .ok()
        .map_or_else(|| RandomState::new().build_hasher().finish(), |seed| seed.parse().unwrap());
    println!("GLOED_SEED={seed}");
    let mut random = Random(seed);
    let (mut lost, mut invented) = (0, 0);
    for _ in 0..cuts / IN_A_ROW {
        let mut world = World::new();
        let mut store = world.data.path().join("store");
        let mut yes = Acknowledged::new();
        for number in 0..IN_A_ROW {
            // Given a collector in the middle of its life, with events on their way
            let running = world.start().await;
            live(&running, &world, &mut random, &mut yes).await;
            let on_their_way: Vec<String> = (0..3).map(|_| format!("{:016x}", random.next())).collect();
            let _under_way = begun(&running, &world, 0, &on_their_way);
            tokio::time::sleep(Duration::from_micros(random.below(3_000))).await;
            // When the power goes. The log last: whatever the store has then is in the log.
            let data = tempfile::tempdir().unwrap();
            let next = data.path().join(format!("store-{number}"));
            cut(&store, &mut random, &next);
            let files = world.files.power_cut(random.next());
            keep_secrets(world.data.path(), data.path());
            running.stop().await;

            // Then the next start finds everything that was acknowledged, each once
            let clock = world.clock.clone();
            world = World { clock, ..World::of(data, files, Twin::before(store_in(&next))) };
            store = next;
            let running = world.start().await;
            let mut sent: BTreeSet<String> = yes.values().flatten().cloned().collect();
            sent.extend(on_their_way);
            let found = difference(&running, &yes, &sent).await;
            lost += found.0;
            invented += found.1;
            // What was on its way may be there for good now.
            yes.entry(0).or_default().extend(running.ids(0).await);
            running.stop().await;
        }
    }
    let count = |number: usize| f64::from(u32::try_from(number).unwrap());
    println!("{cuts} losses of power");
    assert!(bar::at_most("power_cuts_lost", count(lost), "events", 0.0), "seed {seed}");
    assert!(bar::at_most("power_cuts_doubled", count(invented), "events", 0.0), "seed {seed}");
}

/// Secrets and tombstones are files of their own, synced when they are made.
fn keep_secrets(from: &Path, to: &Path) {
    for name in ["secrets.toml", "tombstones"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}
