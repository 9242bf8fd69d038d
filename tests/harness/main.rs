//! The harness tested by itself: what the whole-system tests stand on has to hold first.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod environment;
#[cfg(test)]
mod fault_proxy;
#[cfg(test)]
mod load;
#[cfg(test)]
mod process;
#[cfg(test)]
mod slow_network;
