//! `reference-server LISTEN FOLDER`: see [`tests::reference_server`].

use std::{env, error::Error, path::Path};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [listen, folder] = arguments.as_slice() else { return Err("usage: reference-server LISTEN FOLDER".into()) };
    Ok(tests::reference_server::serve(listen.parse()?, Path::new(folder)).await?)
}
