//! `gloed log inspect`: what the log's files hold.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use collector::apply::NotedCheckpoint;
use collector::log_record::LogRecord;
use serde::Serialize;
use serde_json::json;
use store::log::{Corruption, DiskFiles, Position, Survey, SurveyedSegment, survey};

use super::line;
use crate::Failure;
use crate::commands::table::table;

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Found {
    /// Records, events in them and bytes by kind: `touches`, `erasure`, `merge`, or `unread`.
    kinds: BTreeMap<&'static str, Count>,
    /// The same by site.
    sites: BTreeMap<String, Count>,
    /// What the collector last noted of its checkpoint.
    checkpoint: Option<NotedCheckpoint>,
}

#[derive(Debug, Default, Serialize)]
struct Count {
    records: u64,
    events: u64,
    bytes: u64,
}

impl Count {
    fn add(&mut self, events: usize, bytes: usize) {
        self.records += 1;
        self.events += events as u64;
        self.bytes += bytes as u64;
    }
}

/// One record, without anything about persons.
#[derive(Serialize)]
struct Line<'a> {
    position: u64,
    kind: &'static str,
    site: Option<&'a str>,
    events: Vec<&'a str>,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Reads the files and prints.
pub(super) fn run(folder: &Path, records: bool, json: bool, output: &mut dyn Write) -> Result<(), Failure> {
    let log = folder_of_log(folder);
    let mut found = Found { checkpoint: NotedCheckpoint::read(&log), ..Found::default() };
    let visit = |position: Position, payload: &[u8]| {
        let decoded = LogRecord::decode(payload);
        let read = read(position, payload.len(), &decoded);
        found.kinds.entry(read.kind).or_default().add(read.events.len(), read.bytes);
        if let Some(site) = read.site {
            found.sites.entry(site.to_owned()).or_default().add(read.events.len(), read.bytes);
        }
        match (records, json) {
            (true, true) => line(output, json!(read)),
            (true, false) => line(output, &read),
            (false, _) => {}
        }
    };
    let survey = survey(&log, &DiskFiles, visit).map_err(|error| (1, with_cause(&error)))?;
    // A folder that is none of ours must not look like a healthy one.
    if survey.segments.is_empty() && survey.damage.is_empty() {
        return Err((
            1,
            format!("{}: no log here; allowed is a data folder, or the log's folder in it", log.display()),
        ));
    }
    if json {
        line(output, as_json(&survey, &found))
    } else {
        line(output, as_text(&survey, &found))
    }
    match survey.damage.len() {
        0 => Ok(()),
        damaged => Err((1, format!("the log is damaged in {damaged} place(s)"))),
    }
}

/// The log's folder in a data folder, or the folder itself.
fn folder_of_log(folder: &Path) -> PathBuf {
    let inside = folder.join("log");
    if inside.is_dir() { inside } else { folder.to_owned() }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

fn read<'a, E: ToString>(position: Position, bytes: usize, decoded: &'a Result<LogRecord, E>) -> Line<'a> {
    let mut line = Line { position: position.0, kind: "unread", site: None, events: Vec::new(), bytes, error: None };
    match decoded {
        Ok(LogRecord::Touches(record)) => {
            (line.kind, line.site) = ("touches", Some(record.whose.site()));
            line.events = record.touches.iter().map(|touch| touch.name.as_str()).collect();
        }
        Ok(LogRecord::Erasure(record)) => (line.kind, line.site) = ("erasure", Some(record.whose.site())),
        Ok(LogRecord::Merge(record)) => (line.kind, line.site) = ("merge", Some(record.into.site())),
        Err(error) => line.error = Some(error.to_string()),
    }
    line
}

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { position, kind, site, events, bytes, error } = self;
        let said = error.clone().unwrap_or_else(|| events.join(" "));
        write!(formatter, "{position:>10}  {kind:<8}  {:<16}  {bytes:>7}  {said}", site.unwrap_or("-"))
    }
}

fn as_json(survey: &Survey, found: &Found) -> serde_json::Value {
    let segment = |one: &SurveyedSegment| {
        json!({ "number": one.number, "first": one.first.0, "end": one.end.0, "bytes": one.bytes, "records": one.records,
            "erased": one.erased, "unfinished": one.unfinished, "readable": one.readable })
    };
    let damage = |one: &Corruption| {
        json!({ "segment": one.segment, "offset": one.offset, "bytes": one.bytes, "first": one.first.0,
            "resumes": one.resumes.0 })
    };
    json!({
        "segments": survey.segments.iter().map(segment).collect::<Vec<_>>(),
        "damage": survey.damage.iter().map(damage).collect::<Vec<_>>(),
        "kinds": found.kinds,
        "sites": found.sites,
        "checkpoint": found.checkpoint,
    })
}

fn as_text(survey: &Survey, found: &Found) -> String {
    let mut parts = vec![segments(&survey.segments)];
    let counts = |title: &str, rows: Vec<(String, &Count)>| {
        let row = |(name, count): (String, &Count)| {
            vec![name, count.records.to_string(), count.events.to_string(), count.bytes.to_string()]
        };
        table(&[title, "records", "events", "bytes"], &rows.into_iter().map(row).collect::<Vec<_>>())
    };
    parts.push(counts("kind", found.kinds.iter().map(|(kind, count)| ((*kind).to_owned(), count)).collect()));
    parts.push(counts("site", found.sites.iter().map(|(site, count)| (site.clone(), count)).collect()));
    parts.push(match &found.checkpoint {
        None => "no checkpoint is noted beside the log".to_owned(),
        Some(NotedCheckpoint { position, store, .. }) => {
            let end = survey.segments.last().map_or(1, |last| last.end.0);
            let behind = end.saturating_sub(*position);
            format!("checkpoint: everything before {position} is in store {store}; {behind} records stand behind it")
        }
    });
    let damage = |one: &Corruption| {
        let Corruption { segment, offset, bytes, first, resumes } = one;
        let lost = if first == resumes {
            "of what records is not known".to_owned()
        } else {
            format!("records {} to before {} are lost", first.0, resumes.0)
        };
        format!("DAMAGE in segment {segment} at byte {offset}, {bytes} bytes: {lost}")
    };
    parts.extend(survey.damage.iter().map(damage));
    if let Some(last) = survey.segments.last().filter(|last| last.unfinished > 0) {
        parts.push(format!(
            "the last {} bytes of segment {} are no whole record: one that is being written, or was when the process ended",
            last.unfinished, last.number
        ));
    }
    parts.join("\n\n")
}

fn segments(found: &[SurveyedSegment]) -> String {
    let row = |one: &SurveyedSegment| {
        let numbers = [one.number, one.first.0, one.end.0, one.records, one.erased, one.bytes];
        numbers.map(|number| number.to_string()).to_vec()
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    let sum = |of: fn(&SurveyedSegment) -> u64| found.iter().map(of).sum::<u64>();
    let (records, erased, bytes) = (sum(|one| one.records), sum(|one| one.erased), sum(|one| one.bytes));
    let table = table(&["segment", "first", "end", "records", "erased", "bytes"], &rows);
    format!("{table}\n\n{records} records and {erased} erased ones in {} segments, {bytes} bytes", found.len())
}
