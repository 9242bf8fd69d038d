//! What holds for the whole tree, read from its files: who may depend on whom, and what no file may contain.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod files;
