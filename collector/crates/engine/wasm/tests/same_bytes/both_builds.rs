//! Runs both builds and compares.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::inputs;
use bundle::toolchain::{Module, Toolchain};
use engine_wasm::{computed, fingerprint};

const MODULE: Module = Module { package: "engine-wasm", writes_debug: true };
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/same_bytes/run.cjs");

/// The module, bound for Node.js, and a file of inputs.
struct Run {
    module: PathBuf,
    inputs: PathBuf,
}

impl Run {
    fn new(folder: &Path, inputs: &[Vec<u8>]) -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = package.ancestors().nth(4).unwrap();
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        let toolchain = Toolchain::find().unwrap_or_else(|failure| panic!("{failure}"));
        let built = toolchain.build(workspace, &workspace.join(target).join("engine-wasm"), MODULE);
        let module = built.unwrap_or_else(|failure| panic!("{failure}"));
        bundle::bind_for_node(&module, folder).unwrap_or_else(|failure| panic!("{failure}"));
        let mut bytes = Vec::new();
        for input in inputs {
            bytes.extend(u32::try_from(input.len()).unwrap().to_le_bytes());
            bytes.extend(input);
        }
        let run = Self { module: folder.join("engine_wasm.js"), inputs: folder.join("inputs") };
        std::fs::write(&run.inputs, bytes).unwrap();
        run
    }

    fn start(&self, only: Option<usize>) -> Child {
        let mut node = Command::new("node");
        node.arg(PROGRAM).arg(&self.module).arg(&self.inputs);
        node.args(only.map(|number| number.to_string()));
        node.stdout(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("cannot start node: {error}"))
    }

    fn output(node: Child) -> String {
        let output = node.wait_with_output().unwrap();
        assert!(output.status.success(), "node ended with {}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The first line that differs, from both, with what it is computed of.
fn difference(input: &[u8], native: &str, wasm: &str) -> String {
    let of = readable(input);
    let at = native.lines().zip(wasm.lines()).take_while(|(one, other)| one == other).count();
    let line = |text: &str| text.lines().nth(at).unwrap_or("nothing more").to_owned();
    format!("line {at}\nnative: {}\nwasm:   {}\nof {of}", line(native), line(wasm))
}

/// An input as people read it.
fn readable(input: &[u8]) -> String {
    engine_wasm::Input::decode(input).map_or_else(|error| error.to_string(), |input| format!("{input:#?}"))
}

#[test]
fn native_and_wasm_builds_compute_the_same_bytes() {
    // given inputs of every kind
    let seed = std::env::var("GLOED_SEED").ok().map(|seed| seed.parse().expect("GLOED_SEED is a number"));
    let seed = seed.unwrap_or_else(inputs::fresh_seed);
    let inputs = inputs::drawn(seed, inputs::cases());
    println!("{} inputs, GLOED_SEED={seed}", inputs.len());
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(folder.path(), &inputs);
    // when both builds compute all there is of each
    let node = run.start(None);
    let native: Vec<String> = inputs.iter().map(|input| format!("{:016x}", fingerprint(input))).collect();
    let wasm = Run::output(node);
    let wasm: Vec<&str> = wasm.lines().collect();
    // then they agree on each
    assert_eq!(wasm.len(), native.len());
    if let Some(number) = (0..native.len()).find(|number| native[*number] != wasm[*number]) {
        let told = Run::output(run.start(Some(number)));
        panic!("GLOED_SEED={seed}, input {number}: {}", difference(&inputs[number], &computed(&inputs[number]), &told));
    }
}

/// The vectors that `engine`'s own tests hold the native build to.
#[test]
fn the_wasm_build_gives_the_published_buckets() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(folder.path(), &[]);
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/buckets.tsv");
    let rows = std::fs::read_to_string(&table).unwrap();
    let node =
        Command::new("node").arg(PROGRAM).arg(&run.module).arg(&table).arg("buckets").stdout(Stdio::piped()).spawn();
    let told = Run::output(node.unwrap_or_else(|error| panic!("cannot start node: {error}")));
    let published: Vec<&str> = rows.lines().skip(1).filter_map(|row| row.rsplit('\t').next()).collect();
    assert_eq!(told.lines().collect::<Vec<_>>(), published);
}

#[test]
fn what_is_compared_is_not_nothing() {
    // given as few inputs as a reader can look through
    let told: Vec<String> = inputs::drawn(1, 200).iter().map(|input| computed(input)).collect();
    // then each kind of answer is among them, with content
    for name in [
        "evaluation: Evaluation",
        "offers: [Chosen",
        "variant: \"holdout\"",
        "variant: \"short\"",
        "claim: Ok",
        "next change: Some",
        "folded: (1",
        "story: Some",
        "recorded: Conflict",
        "recorded: OverLimit",
        "faults: [",
        "decoded: Err(\"broken\")",
        "transitions: [Transition",
        "Fold {",
    ] {
        assert!(told.iter().any(|told| told.contains(name)), "{name}");
    }
}
