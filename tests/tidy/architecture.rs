//! The crate edges of the design, and no others; and what the pure crates must never reach.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    process::Command,
};

use serde_json::Value;
use tests::workspace;

/// Which of our packages each of our packages may depend on, for whatever purpose; on itself (with a feature, for its own
/// tests) any may. The whole-system tests may use the
/// engine as an oracle; everything else of theirs goes through the public interfaces.
const EDGES: [(&str, &[&str]); 10] = [
    ("engine", &[]),
    // What compares the engine's two builds builds one of them as the page is built.
    ("engine-wasm", &["engine", "bundle"]),
    // Its own tests run against real servers.
    ("store", &["servers"]),
    ("wire", &[]),
    ("collector", &["engine", "store", "wire"]),
    ("snippet", &["engine", "wire"]),
    ("bundle", &[]),
    ("web-demo", &[]),
    ("servers", &[]),
    ("tests", &["engine", "servers", "wire"]),
];

/// What a package must not reach, however indirectly, in an ordinary build: the engine is pure, and what the page
/// loads does no I/O of its own.
const OUT_OF_REACH: [(&str, &[&str]); 3] = [
    ("engine", &["tokio", "axum", "hyper", "redis", "fjall", "rand", "getrandom", "chrono", "jiff", "time"]),
    ("wire", &["tokio", "axum", "hyper", "redis", "fjall", "rand"]),
    ("snippet", &["tokio", "axum", "hyper", "redis", "fjall"]),
];

/// `cargo metadata` of the workspace, dependencies resolved.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1"])
        .current_dir(workspace::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Name to names of direct dependencies within the workspace, of every kind.
fn edges(metadata: &Value) -> BTreeMap<&str, BTreeSet<&str>> {
    let members: BTreeSet<&str> = list(&metadata["workspace_members"]).map(text).collect();
    let ours = || list(&metadata["packages"]).filter(|package| members.contains(text(&package["id"])));
    let names: BTreeSet<&str> = ours().map(|package| text(&package["name"])).collect();
    let inside = |package: &Value| {
        list(&package["dependencies"]).map(|edge| text(&edge["name"])).map(str::to_owned).collect::<Vec<_>>()
    };
    ours()
        .map(|package| {
            let direct = inside(package);
            (
                text(&package["name"]),
                names.iter().copied().filter(|name| direct.iter().any(|edge| edge == name)).collect(),
            )
        })
        .collect()
}

/// The names of everything that an ordinary build of `package` links, itself apart.
fn reach(metadata: &Value, package: &str) -> BTreeSet<String> {
    let names: BTreeMap<&str, &str> =
        list(&metadata["packages"]).map(|package| (text(&package["id"]), text(&package["name"]))).collect();
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"]["nodes"]).map(|node| (text(&node["id"]), node)).collect();
    let members: BTreeSet<&str> = list(&metadata["workspace_members"]).map(text).collect();
    let start = members.iter().copied().find(|id| names[id] == package).unwrap();
    let mut found = BTreeSet::new();
    let mut open = vec![start];
    while let Some(id) = open.pop() {
        for edge in list(&nodes[id]["deps"]) {
            // A kind of null is an ordinary dependency; a target's own are those of other machines too.
            let ordinary = list(&edge["dep_kinds"]).any(|kind| kind["kind"].is_null());
            if ordinary && found.insert(text(&edge["pkg"])) {
                open.push(text(&edge["pkg"]));
            }
        }
    }
    found.into_iter().map(|id| names[id].to_owned()).collect()
}

#[test]
fn packages_depend_on_each_other_as_the_design_says_and_no_further() {
    let metadata = metadata();
    let allowed: BTreeMap<&str, &[&str]> = EDGES.into();

    for (package, direct) in edges(&metadata) {
        let allowed =
            allowed.get(package).unwrap_or_else(|| panic!("{package} is new: say here what it may depend on"));
        let forbidden: Vec<_> = direct.into_iter().filter(|name| *name != package && !allowed.contains(name)).collect();
        assert!(forbidden.is_empty(), "{package} must not depend on {forbidden:?}, only on {allowed:?}");
    }
}

#[test]
fn pure_packages_reach_no_runtime_no_store_and_no_clock() {
    let metadata = metadata();

    for (package, forbidden) in OUT_OF_REACH {
        let reach = reach(&metadata, package);
        let reached: Vec<_> = forbidden.iter().filter(|name| reach.contains(**name)).collect();
        assert!(reached.is_empty(), "{package} reaches {reached:?}");
    }
}

#[test]
fn the_reader_of_the_graph_sees_what_is_there() {
    let metadata = metadata();

    assert!(edges(&metadata)["collector"].contains("engine"));
    assert!(reach(&metadata, "tests").contains("tokio"), "a direct one");
    assert!(reach(&metadata, "tests").contains("mio"), "an indirect one");
}
