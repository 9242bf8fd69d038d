//! A disk that is really full: a small file system in memory, which only the superuser may mount. Where that is not so, the
//! collector's own test on the faulty disk (`collector/tests/log/disk.rs`) stands alone.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tests::{
    bar::{Bar, Verdict},
    body::Page,
    environment::{Environment, ORIGIN, SITE, Setup},
    load::{Load, Turn},
};

use crate::oracle;

/// Seconds in which events are to be accepted and applied again.
const NORMAL_WITHIN: f64 = 5.0;

/// A mounted file system of 24 MiB; gone with this.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("gloed-disk-").tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=24m", "gloed-test"]).arg(folder.path());
        mount.output().is_ok_and(|output| output.status.success()).then(|| Self(folder))
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(self.ballast()).unwrap();
        for size in [1 << 20, 4096] {
            while std::io::Write::write_all(&mut file, &vec![7; size]).is_ok() {}
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A lazy one: the collector may have files open still.
        drop(Command::new("umount").arg("-l").arg(self.0.path()).output());
    }
}

#[derive(Default)]
struct Visitor(Option<Page>);

fn body(visitor: &mut Visitor, turn: Turn) -> Vec<u8> {
    let page = visitor.0.get_or_insert_with(|| Page::of_visitor(SITE, u64::from(turn.visitor)));
    let events = oracle::events(page, turn);
    page.envelope("https://shop.example/", events).to_string().into_bytes()
}

fn data(disk: &Path) -> String {
    disk.join("data").display().to_string()
}

/// One event of a visitor of its own: how it is answered.
async fn answered(environment: &Environment, number: u64) -> u16 {
    let mut page = Page::of_visitor(SITE, 1_000_000 + number);
    let events = vec![page.event("page_view", serde_json::json!({}))];
    let answer = environment.post("/v1/events", &page.envelope("https://shop.example/", events)).await.unwrap();
    if answer.status == 503 {
        assert_eq!(answer.header("retry-after"), Some("5"), "{}", answer.text());
    }
    answer.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_a_full_disk_acknowledges_nothing_that_is_lost_and_mends_without_a_restart() {
    // Given a collector on a small disk, under a load that sends again what was refused
    let Some(disk) = SmallDisk::mount() else {
        println!("not run: only the superuser may mount a disk");
        return;
    };
    let setup = Setup::default().model(oracle::MODEL).set("server.data", data(disk.0.path()));
    let setup = setup.set("log.segment", "1MiB").set("log.cap", "16MiB");
    let mut environment = setup.start().await.unwrap();
    // Where the harness looks for its secrets.
    std::os::unix::fs::symlink(data(disk.0.path()), environment.data()).unwrap();
    let load = Load {
        headers: vec![("origin".to_owned(), ORIGIN.to_owned())],
        visitors: 50,
        events_per_second: 500,
        duration: Duration::from_secs(8),
        again: true,
        ..Load::bench(environment.public())
    };
    let running = tokio::spawn(async move { load.run(body).await.unwrap() });
    tokio::time::sleep(Duration::from_secs(2)).await;

    // When the disk is full for three seconds
    let (begin, mut refused, mut number) = (Instant::now(), 0, 0);
    while begin.elapsed() < Duration::from_secs(3) {
        // What its own files let go of is filled up too.
        disk.fill();
        number += 1;
        refused += u32::from(answered(&environment, number).await == 503);
    }
    assert!(refused > 0, "nothing was refused");
    // Then it is normal within five seconds of there being room
    std::fs::remove_file(disk.ballast()).unwrap();
    let room = Instant::now();
    loop {
        number += 1;
        if answered(&environment, number).await == 200 {
            break;
        }
        assert!(room.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seconds = room.elapsed().as_secs_f64();
    // And every event that was acknowledged is there, once, in this process and in the next
    let record = running.await.unwrap();
    let difference = oracle::difference(&environment, &record).await;
    assert_eq!(difference, oracle::Difference { acknowledged: record.sent.len() * 10, ..Default::default() });
    environment.collector.kill_9().await.unwrap();
    environment.collector.restart().await.unwrap();
    assert_eq!(oracle::difference(&environment, &record).await.scores, Vec::<String>::new());
    let bar = Bar::at_most("accepting_after_full_tmpfs", seconds, "s", NORMAL_WITHIN);
    assert_ne!(bar.print(), Verdict::Short, "{refused} refused");
}
