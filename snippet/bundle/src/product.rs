//! A file of the bundle: its sizes, its hash, its compressed forms, and the manifest of all.

use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bundle::failure::Failure;
use flate2::{Compression, GzBuilder};
use serde::Serialize;
use sha2::{Digest, Sha256, Sha384};

/// One file that the collector serves.
#[derive(Debug, Serialize)]
pub(crate) struct Product {
    /// File name; its path on the collector is `/` and this.
    pub(crate) name: String,
    /// MIME type.
    pub(crate) content_type: &'static str,
    /// Whether the name changes with the content, so that it may be cached for ever.
    pub(crate) immutable: bool,
    /// Bytes as they are.
    pub(crate) raw: usize,
    /// Bytes of `name.gz`, level 9.
    pub(crate) gzip: usize,
    /// Bytes of `name.br`, quality 11.
    pub(crate) brotli: usize,
    /// Integrity value without its `sha384-`, for who writes a tag with `integrity`.
    pub(crate) sha384: String,
    /// Integrity value that our own scripts name: shorter, since it is downloaded.
    pub(crate) sha256: String,
}

impl Product {
    /// Writes `bytes` and their two compressed forms into `folder`. With `stem` and `extension` only, the name is
    /// `stem.extension`; an immutable file has its hash in between.
    pub(crate) fn write(
        folder: &Path,
        stem: &str,
        extension: &str,
        content_type: &'static str,
        immutable: bool,
        bytes: &[u8],
    ) -> Result<Self, Failure> {
        let name =
            if immutable { format!("{stem}-{}.{extension}", short_hash(bytes)) } else { format!("{stem}.{extension}") };
        let brotli = brotli_11(bytes).map_err(Failure::file(&folder.join(&name)))?;
        let gzip = gzip_9(bytes).map_err(Failure::file(&folder.join(&name)))?;
        for (suffix, content) in [("", bytes), (".br", &brotli), (".gz", &gzip)] {
            let path = folder.join(format!("{name}{suffix}"));
            std::fs::write(&path, content).map_err(Failure::file(&path))?;
        }
        Ok(Self {
            name,
            content_type,
            immutable,
            raw: bytes.len(),
            gzip: gzip.len(),
            brotli: brotli.len(),
            sha384: STANDARD.encode(Sha384::digest(bytes)),
            sha256: STANDARD.encode(Sha256::digest(bytes)),
        })
    }

    /// The value of an `integrity` attribute.
    pub(crate) fn integrity(&self) -> String {
        format!("sha256-{}", self.sha256)
    }
}

/// The CSP source that allows exactly this inline script.
pub(crate) fn csp_hash(script: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script.as_bytes())))
}

/// The first six bytes of SHA-256: enough to name versions of one file.
fn short_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn brotli_11(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let parameters =
        brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, size_hint: bytes.len(), ..Default::default() };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut &bytes[..], &mut out, &parameters)?;
    Ok(out)
}

fn gzip_9(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    // No time and no name in the header: the same sources give the same bytes.
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::new(9));
    encoder.write_all(bytes)?;
    encoder.finish()
}
