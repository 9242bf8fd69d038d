//! What the page loads, embedded when the collector was built.

/// One file of the bundle, in its three encodings.
#[derive(Debug, Clone, Copy)]
pub struct SnippetFile {
    /// Its address below the root.
    pub name: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Whether its name holds its hash, so that it never changes.
    pub immutable: bool,
    /// As it is.
    pub raw: &'static [u8],
    /// Brotli, quality 11.
    pub brotli: &'static [u8],
    /// Gzip, level 9.
    pub gzip: &'static [u8],
}

const FILES: &[SnippetFile] = include!(concat!(env!("OUT_DIR"), "/snippet_files.rs"));

/// Every file of the bundle.
#[derive(Debug, Clone, Copy)]
pub struct SnippetFiles(&'static [SnippetFile]);

impl Default for SnippetFiles {
    fn default() -> Self {
        Self(FILES)
    }
}

impl SnippetFiles {
    /// The file of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'static SnippetFile> {
        self.0.iter().find(|file| file.name == name)
    }
}
