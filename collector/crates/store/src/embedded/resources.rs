//! Counted resources: usage, parts held, and an index of what expires when.

use std::ops::Bound::{Excluded, Included};

use super::codec::{self, FORMAT, Fields};
use super::database::{Core, Open, Writing, failed};
use crate::{Confirmed, Holder, Reservation, Reserved, ResourceName, StoreError, UnixMillis, Usage};

const HELD: u8 = 1;
const CONFIRMED: u8 = 2;

/// A holder's part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    confirmed: bool,
    amount: u64,
    expires: UnixMillis,
}

impl Core {
    pub(super) fn reserve(&self, reservation: &Reservation, now: UnixMillis) -> Result<Reserved, StoreError> {
        let Reservation { resource, holder, amount, limit, expires } = reservation;
        let reading = self.reading();
        let open = reading.open("reserve")?;
        let mut writing = self.writing(open);
        let own = open.part(resource, *holder)?;
        if let Some(Part { confirmed: true, .. }) = own {
            return Ok(Reserved::Confirmed);
        }
        let mut usage = open.usage(resource)?;
        open.take_back_expired(&mut writing, resource, *holder, &mut usage, now)?;

        let outcome = if let Some(part) = own {
            let longer = Part { expires: part.expires.max(*expires), ..part };
            open.remove_part(&mut writing, resource, *holder, part);
            open.insert_part(&mut writing, resource, *holder, longer);
            Reserved::Held
        } else {
            let left = limit.saturating_sub(usage.confirmed.saturating_add(usage.held));
            if *amount > left {
                Reserved::Exhausted { left }
            } else {
                usage.held += amount;
                let part = Part { confirmed: false, amount: *amount, expires: *expires };
                open.insert_part(&mut writing, resource, *holder, part);
                Reserved::Held
            }
        };
        open.insert_usage(&mut writing, resource, usage);
        writing.finish("reserve")?;
        Ok(outcome)
    }

    pub(super) fn confirm(&self, resource: &ResourceName, holder: Holder) -> Result<Confirmed, StoreError> {
        let reading = self.reading();
        let open = reading.open("confirm")?;
        let mut writing = self.writing(open);
        let part = match open.part(resource, holder)? {
            None => return Ok(Confirmed::Lapsed),
            Some(Part { confirmed: true, .. }) => return Ok(Confirmed::Confirmed),
            Some(part) => part,
        };
        let mut usage = open.usage(resource)?;
        usage.held = usage.held.saturating_sub(part.amount);
        usage.confirmed = usage.confirmed.saturating_add(part.amount);
        open.remove_part(&mut writing, resource, holder, part);
        open.insert_part(&mut writing, resource, holder, Part { confirmed: true, ..part });
        open.insert_usage(&mut writing, resource, usage);
        writing.finish("confirm")?;
        Ok(Confirmed::Confirmed)
    }

    pub(super) fn release(&self, resource: &ResourceName, holder: Holder) -> Result<(), StoreError> {
        let reading = self.reading();
        let open = reading.open("release")?;
        let mut writing = self.writing(open);
        let Some(part) = open.part(resource, holder)?.filter(|part| !part.confirmed) else { return Ok(()) };
        let mut usage = open.usage(resource)?;
        usage.held = usage.held.saturating_sub(part.amount);
        open.remove_part(&mut writing, resource, holder, part);
        open.insert_usage(&mut writing, resource, usage);
        writing.finish("release")
    }

    pub(super) fn usage(&self, resource: &ResourceName) -> Result<Usage, StoreError> {
        self.reading().open("read usage")?.usage(resource)
    }
}

fn usage_key(resource: &ResourceName) -> Vec<u8> {
    [b"u", resource.as_str().as_bytes()].concat()
}

fn part_key(resource: &ResourceName, holder: Holder) -> Vec<u8> {
    [b"h", resource.as_str().as_bytes(), &[0], &holder.0].concat()
}

fn expiry_key(resource: &ResourceName, expires: UnixMillis, holder: Holder) -> Vec<u8> {
    [b"x", resource.as_str().as_bytes(), &[0], &codec::sortable(expires), &holder.0].concat()
}

impl Open {
    fn usage(&self, resource: &ResourceName) -> Result<Usage, StoreError> {
        let Some(value) = self.resources.get(usage_key(resource)).map_err(failed("read usage"))? else {
            return Ok(Usage::default());
        };
        let mut fields = Fields::of_value(&value, "a resource's usage")?;
        Ok(Usage { confirmed: fields.u64()?, held: fields.u64()? })
    }

    fn insert_usage(&self, writing: &mut Writing<'_>, resource: &ResourceName, usage: Usage) {
        let value = [&[FORMAT][..], &usage.confirmed.to_be_bytes(), &usage.held.to_be_bytes()].concat();
        writing.batch.insert(&self.resources, usage_key(resource), value);
    }

    fn part(&self, resource: &ResourceName, holder: Holder) -> Result<Option<Part>, StoreError> {
        let Some(value) = self.resources.get(part_key(resource, holder)).map_err(failed("read a reservation"))? else {
            return Ok(None);
        };
        let mut fields = Fields::of_value(&value, "a reservation")?;
        let confirmed = fields.byte()? == CONFIRMED;
        Ok(Some(Part { confirmed, amount: fields.u64()?, expires: fields.i64()? }))
    }

    fn insert_part(&self, writing: &mut Writing<'_>, resource: &ResourceName, holder: Holder, part: Part) {
        let state = if part.confirmed { CONFIRMED } else { HELD };
        let value = [&[FORMAT, state][..], &part.amount.to_be_bytes(), &part.expires.to_be_bytes()].concat();
        writing.batch.insert(&self.resources, part_key(resource, holder), value);
        if !part.confirmed {
            writing.batch.insert(&self.resources, expiry_key(resource, part.expires, holder), [].as_slice());
        }
    }

    fn remove_part(&self, writing: &mut Writing<'_>, resource: &ResourceName, holder: Holder, part: Part) {
        writing.batch.remove(&self.resources, part_key(resource, holder));
        writing.batch.remove(&self.resources, expiry_key(resource, part.expires, holder));
    }

    /// Takes back every part that has expired by `now`, but the one of `except`.
    fn take_back_expired(
        &self,
        writing: &mut Writing<'_>,
        resource: &ResourceName,
        except: Holder,
        usage: &mut Usage,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let begin = expiry_key(resource, UnixMillis::MIN, Holder([0; 16]));
        let Some(behind) = now.checked_add(1) else { return Ok(()) };
        let end = expiry_key(resource, behind, Holder([0; 16]));
        for entry in self.resources.range((Included(begin), Excluded(end))) {
            let key = entry.key().map_err(failed("take back reservations"))?;
            let holder = key.last_chunk().copied().map(Holder).filter(|holder| *holder != except);
            let Some(holder) = holder else { continue };
            let Some(part) = self.part(resource, holder)? else { continue };
            usage.held = usage.held.saturating_sub(part.amount);
            self.remove_part(writing, resource, holder, part);
        }
        Ok(())
    }
}
