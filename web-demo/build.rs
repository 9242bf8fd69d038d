//! Says when to compile again: the macros that embed assets and templates do not see files that are added or removed.

fn main() {
    println!("cargo::rerun-if-changed=assets");
    println!("cargo::rerun-if-changed=templates");
}
