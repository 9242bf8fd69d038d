//! What broken and doubtful models are told, word for word. The models lie in `broken` and `doubtful`, the messages in
//! `snapshots`.

use std::path::{Path, PathBuf};

use crate::common::{model, site};
use engine::model::warnings;
use engine::tree::Tree;
use engine::{Model, preset, presets};

/// The models in a folder, by name.
fn models(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The warnings of a model that is right.
fn warned(text: &str) -> Vec<String> {
    warnings(&model(text), &Tree::parse(text).unwrap()).iter().map(ToString::to_string).collect()
}

#[test]
fn broken_models_are_told_all_their_faults() {
    let broken = models("broken");
    assert_eq!(broken.len(), 21);
    for (name, text) in broken {
        let faults = Model::parse(&text, &site()).unwrap_err();
        // every message names a place, a line of the file, what stands there, and what could
        let lines = u32::try_from(text.lines().count()).unwrap();
        for fault in &faults {
            assert!(!fault.path.is_empty() && !fault.found.is_empty() && !fault.allowed.is_empty(), "{name}: {fault}");
            assert!(fault.line.is_some_and(|line| (1..=lines).contains(&line)), "{name}: {fault}");
        }
        assert!(faults.len() > 1, "{name}: several faults, found {faults:?}");
        let messages: Vec<_> = faults.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(format!("broken-{name}"), messages.join("\n"));
    }
}

#[test]
fn doubtful_models_are_warned_about_with_what_to_do() {
    for (name, text) in models("doubtful") {
        insta::assert_snapshot!(format!("doubtful-{name}"), warned(&text).join("\n"));
    }
}

#[test]
fn presets_and_shops_give_no_cause_for_a_warning() {
    for name in presets::NAMES {
        assert_eq!(warned(preset(name).unwrap()), Vec::<String>::new(), "{name}");
    }
    assert_eq!(warned(include_str!("shop.toml")), Vec::<String>::new());
    let demo = format!("{}\n{}", preset("b2c").unwrap(), include_str!("../../../../../web-demo/demo.offers.toml"));
    assert_eq!(warned(&demo), Vec::<String>::new());
}

#[test]
fn what_may_hold_is_not_called_impossible() {
    let stages =
        "version = 1\nname = \"fine\"\n[[stages]]\nname = \"cold\"\n[[stages]]\nname = \"warm\"\nenter = \">= 30\"\n";
    for condition in [
        "{ all = [{ field = \"item.id\", has = \"a\" }, { field = \"item.id\", has = \"b\" }] }",
        "{ all = [{ field = \"attribute.a\", ne = 1 }, { field = \"attribute.a\", exists = false }] }",
        "{ all = [{ not = { field = \"attribute.a\", gt = 5 } }, { not = { field = \"attribute.a\", lt = 5 } }] }",
        "{ all = [{ field = \"attribute.a\", gte = 0 }, { not = { field = \"attribute.a\", gt = 5 } }, \
         { not = { field = \"attribute.a\", lt = 5 } }] }",
        "{ all = [{ field = \"attribute.a\", gte = 5 }, { field = \"attribute.a\", lte = 5 }] }",
        "{ any = [{ field = \"event\", eq = \"a\" }, { field = \"event\", eq = \"b\" }] }",
        "{ all = [{ field = \"page.path\", glob = \"/a*\" }, { field = \"page.path\", glob = \"*b\" }] }",
        "{ all = [{ field = \"trust\", gte = \"server\" }, { field = \"trust\", lte = \"server\" }] }",
        "{ not = { any = [] } }",
    ] {
        let rule = format!("{stages}[[rules]]\nid = \"r\"\nwhen = {condition}\npoints = 30\n");
        assert_eq!(warned(&rule), Vec::<String>::new(), "{condition}");
    }
}
