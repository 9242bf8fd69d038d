//! The log of a running collector, on ground that fails: disks, stores, records, power.

#[cfg(test)]
mod another_store;
#[cfg(test)]
mod bar;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod poison;
#[cfg(test)]
mod power;
#[cfg(test)]
mod twin;
#[cfg(test)]
mod world;
