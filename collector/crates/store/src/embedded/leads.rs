//! Leads, their indexes, their messages; documents.

use std::collections::HashMap;
use std::ops::Bound::{Excluded, Included, Unbounded};

use fjall::Readable;

use super::codec::{self, Fields, LeadHead};
use super::database::{Core, Open, Writing, failed};
use crate::{
    Change, Committed, Document, DocumentName, Due, Erasure, HeatCursor, HeatEntry, LeadKey, OutboxId, Partition,
    Partitions, Queued, ScanCursor, Scanned, SiteName, StoreError, StoredLead, Tombstone, UnixMillis, Version,
};

impl Core {
    pub(super) fn load(&self, keys: &[LeadKey]) -> Result<Vec<Option<StoredLead>>, StoreError> {
        let reading = self.reading();
        let open = reading.open("load")?;
        let snapshot = open.database.snapshot();
        keys.iter()
            .map(|key| {
                let value = snapshot.get(&open.leads, codec::lead_key(key)).map_err(failed("load"))?;
                value.map(|value| codec::stored_lead(&value)).transpose()
            })
            .collect()
    }

    pub(super) fn commit(&self, changes: &[Change]) -> Result<Vec<Committed>, StoreError> {
        let reading = self.reading();
        let open = reading.open("commit")?;
        let mut writing = self.writing(open);
        let mut changed: HashMap<&LeadKey, Version> = HashMap::with_capacity(changes.len());
        let mut outcomes = Vec::with_capacity(changes.len());
        for change in changes {
            let outcome = match changed.get(&change.key) {
                Some(current) => Committed::Conflict { current: *current },
                None => open.change(&mut writing, change)?,
            };
            if let Committed::Applied(version) = outcome {
                changed.insert(&change.key, version);
            }
            outcomes.push(outcome);
        }
        writing.finish("commit")?;
        Ok(outcomes)
    }

    pub(super) fn erase(&self, erasures: &[Erasure]) -> Result<(), StoreError> {
        let reading = self.reading();
        let open = reading.open("erase")?;
        let mut writing = self.writing(open);
        for Erasure { key, tombstone } in erasures {
            let name = codec::lead_key(key);
            if let Some(value) = open.leads.get(&name).map_err(failed("erase"))? {
                open.remove_index_entries(&mut writing, key, codec::read_lead(&value)?.0);
                writing.batch.remove(&open.leads, name);
            }
            for message in open.of_lead.prefix(codec::lead_name(key)) {
                let name = message.key().map_err(failed("erase"))?;
                let mut fields = Fields::of_key(&name, "a key of a lead's messages");
                drop(fields.lead_key()?);
                let id = OutboxId { sequence: fields.u64()?, partition: key.partition() };
                writing.batch.remove(&open.outbox, codec::outbox_key(id).as_slice());
                writing.batch.remove(&open.of_lead, name);
            }
            open.insert_tombstone(&mut writing, *tombstone);
        }
        writing.finish("erase")
    }

    pub(super) fn bury(&self, tombstones: &[Tombstone]) -> Result<(), StoreError> {
        let reading = self.reading();
        let open = reading.open("bury")?;
        let mut writing = self.writing(open);
        for tombstone in tombstones {
            open.insert_tombstone(&mut writing, *tombstone);
        }
        writing.finish("bury")
    }

    pub(super) fn erased(&self, tombstones: &[Tombstone]) -> Result<Vec<bool>, StoreError> {
        let reading = self.reading();
        let open = reading.open("look for tombstones")?;
        tombstones.iter().map(|tombstone| open.has_tombstone(*tombstone)).collect()
    }

    pub(super) fn tombstones(
        &self,
        partition: Partition,
        after: Option<Tombstone>,
        limit: usize,
    ) -> Result<Vec<Tombstone>, StoreError> {
        let reading = self.reading();
        let open = reading.open("list tombstones")?;
        let begin = after.map_or(Included(vec![partition.0]), |after| Excluded(after.to_bytes().to_vec()));
        let mut found = Vec::new();
        for entry in open.database.snapshot().range(&open.tombstones, (begin, Unbounded)).take(limit) {
            let key = entry.key().map_err(failed("list tombstones"))?;
            let tombstone = Tombstone::from_bytes(Fields::of_key(&key, "a tombstone").array()?);
            if tombstone.partition != partition {
                break;
            }
            found.push(tombstone);
        }
        Ok(found)
    }

    pub(super) fn top(
        &self,
        site: &SiteName,
        after: Option<HeatCursor>,
        limit: usize,
    ) -> Result<Vec<HeatEntry>, StoreError> {
        let reading = self.reading();
        let open = reading.open("read the heat index")?;
        let prefix = codec::site_prefix(site);
        let begin = match after {
            None => Included(prefix.clone()),
            Some(after) => Excluded(codec::heat_key(site, after.bound, &after.visitor)),
        };
        let mut entries = Vec::new();
        for entry in open.database.snapshot().range(&open.heat, (begin, Unbounded)).take(limit) {
            let key = entry.key().map_err(failed("read the heat index"))?;
            let Some(place) = key.strip_prefix(prefix.as_slice()) else { break };
            let (bound, visitor) = codec::heat_place(place)?;
            entries.push(HeatEntry { key: LeadKey::new(site.clone(), visitor), bound });
        }
        Ok(entries)
    }

    pub(super) fn due(&self, partitions: &Partitions, now: UnixMillis, limit: usize) -> Result<Vec<Due>, StoreError> {
        let reading = self.reading();
        let open = reading.open("read the wake index")?;
        let mut due = Vec::new();
        for entry in open.database.snapshot().iter(&open.wake) {
            if due.len() == limit {
                break;
            }
            let key = entry.key().map_err(failed("read the wake index"))?;
            let mut fields = Fields::of_key(&key, "a key of the wake index");
            let at = codec::from_sortable(fields.array()?);
            if at > now {
                break;
            }
            if partitions.contains(Partition(fields.byte()?)) {
                due.push(Due { key: fields.lead_key()?, at });
            }
        }
        Ok(due)
    }

    pub(super) fn outbox(
        &self,
        partitions: &Partitions,
        after: Option<OutboxId>,
        limit: usize,
    ) -> Result<Vec<Queued>, StoreError> {
        let reading = self.reading();
        let open = reading.open("read the outbox")?;
        let begin = after.map_or(Unbounded, |after| Excluded(codec::outbox_key(after)));
        let mut queued = Vec::new();
        for entry in open.database.snapshot().range(&open.outbox, (begin, Unbounded)) {
            if queued.len() == limit {
                break;
            }
            let (key, value) = entry.into_inner().map_err(failed("read the outbox"))?;
            let id = codec::outbox_id(&key)?;
            if partitions.contains(id.partition) {
                let (key, message) = codec::read_message(&value)?;
                queued.push(Queued { id, key, message });
            }
        }
        Ok(queued)
    }

    pub(super) fn acknowledge(&self, delivered: &[OutboxId]) -> Result<(), StoreError> {
        let reading = self.reading();
        let open = reading.open("acknowledge")?;
        let mut writing = self.writing(open);
        for id in delivered {
            let key = codec::outbox_key(*id);
            let Some(value) = open.outbox.get(key).map_err(failed("acknowledge"))? else { continue };
            let (lead, _) = codec::read_message(&value)?;
            writing.batch.remove(&open.outbox, key.as_slice());
            writing.batch.remove(&open.of_lead, codec::message_of_lead_key(&lead, *id));
        }
        writing.finish("acknowledge")
    }

    pub(super) fn scan(
        &self,
        partition: Partition,
        cursor: Option<ScanCursor>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        let reading = self.reading();
        let open = reading.open("scan")?;
        let begin = cursor.map_or(Included(vec![partition.0]), |ScanCursor(after)| Excluded(after));
        let mut leads = Vec::new();
        for entry in open.database.snapshot().range(&open.leads, (begin, Unbounded)) {
            let (key, value) = entry.into_inner().map_err(failed("scan"))?;
            let mut fields = Fields::of_key(&key, "a lead's key");
            if fields.byte()? != partition.0 {
                break;
            }
            leads.push((fields.lead_key()?, codec::stored_lead(&value)?));
            if leads.len() >= limit.max(1) {
                return Ok(Scanned { leads, next: Some(ScanCursor(key.to_vec())) });
            }
        }
        Ok(Scanned { leads, next: None })
    }

    pub(super) fn document(&self, name: &DocumentName) -> Result<Option<Document>, StoreError> {
        let reading = self.reading();
        let open = reading.open("read a document")?;
        let value = open.documents.get(name.as_str()).map_err(failed("read a document"))?;
        value.map(|value| codec::read_document(&value)).transpose()
    }

    pub(super) fn put_document(
        &self,
        name: &DocumentName,
        expected: Version,
        bytes: &[u8],
    ) -> Result<Version, StoreError> {
        let reading = self.reading();
        let open = reading.open("put a document")?;
        let mut writing = self.writing(open);
        let value = open.documents.get(name.as_str()).map_err(failed("put a document"))?;
        let document = value.map(|value| codec::read_document(&value)).transpose()?;
        let current = document.map_or(Version::ABSENT, |document| document.version);
        if current != expected {
            return Err(StoreError::Conflict { name: name.to_string(), expected, current });
        }
        let version = writing.draw_version();
        writing.batch.insert(&open.documents, name.as_str(), codec::document(version, bytes));
        writing.finish("put a document")?;
        Ok(version)
    }
}

impl Open {
    /// Puts one lead's change into the batch, or nothing of it.
    fn change(&self, writing: &mut Writing<'_>, change: &Change) -> Result<Committed, StoreError> {
        if self.has_tombstone(change.tombstone)? {
            return Ok(Committed::Erased);
        }
        let name = codec::lead_key(&change.key);
        let before = match self.leads.get(&name).map_err(failed("commit"))? {
            Some(value) => codec::read_lead(&value)?.0,
            None => LeadHead::default(),
        };
        if before.version != change.expected {
            return Ok(Committed::Conflict { current: before.version });
        }

        let version = match &change.lead {
            None => {
                self.remove_index_entries(writing, &change.key, before);
                if before.version != Version::ABSENT {
                    writing.batch.remove(&self.leads, name);
                }
                Version::ABSENT
            }
            Some(lead) => {
                let head = LeadHead { version: writing.draw_version(), heat: change.heat, wake: change.wake };
                self.move_index_entries(writing, &change.key, before, head);
                writing.batch.insert(&self.leads, name, codec::lead(head, lead));
                head.version
            }
        };
        for message in &change.outbox {
            let id = OutboxId { sequence: writing.draw(), partition: change.key.partition() };
            let key = codec::outbox_key(id);
            writing.batch.insert(&self.outbox, key.as_slice(), codec::message(&change.key, message));
            writing.batch.insert(&self.of_lead, codec::message_of_lead_key(&change.key, id), [].as_slice());
        }
        Ok(Committed::Applied(version))
    }

    fn move_index_entries(&self, writing: &mut Writing<'_>, key: &LeadKey, before: LeadHead, after: LeadHead) {
        let left = LeadHead {
            version: before.version,
            heat: before.heat.filter(|_| before.heat != after.heat),
            wake: before.wake.filter(|_| before.wake != after.wake),
        };
        self.remove_index_entries(writing, key, left);
        if let Some(bound) = after.heat.filter(|_| before.heat != after.heat) {
            writing.batch.insert(&self.heat, codec::heat_key(&key.site, bound, &key.visitor), [].as_slice());
        }
        if let Some(at) = after.wake.filter(|_| before.wake != after.wake) {
            writing.batch.insert(&self.wake, codec::wake_key(at, key), [].as_slice());
        }
    }

    fn remove_index_entries(&self, writing: &mut Writing<'_>, key: &LeadKey, head: LeadHead) {
        if let Some(bound) = head.heat {
            writing.batch.remove(&self.heat, codec::heat_key(&key.site, bound, &key.visitor));
        }
        if let Some(at) = head.wake {
            writing.batch.remove(&self.wake, codec::wake_key(at, key));
        }
    }

    fn insert_tombstone(&self, writing: &mut Writing<'_>, tombstone: Tombstone) {
        let value = [codec::FORMAT];
        writing.batch.insert(&self.tombstones, tombstone.to_bytes().as_slice(), value.as_slice());
    }

    fn has_tombstone(&self, tombstone: Tombstone) -> Result<bool, StoreError> {
        self.tombstones.contains_key(tombstone.to_bytes()).map_err(failed("look for a tombstone"))
    }
}
