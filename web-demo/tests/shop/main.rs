//! The shop as a browser meets it: over a socket, page by page.
//!
//! Each module says that it is a test, for the lints that let tests unwrap look for just that.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod buying;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod process;
#[cfg(test)]
mod settings;
