//! Calls of one server, sent in one round trip.

use redis::{Pipeline, ServerErrorKind, Value};

use super::call::{Call, Script};
use super::link::{Link, LinkError};

/// Calls of one server, sent in one round trip.
pub(super) struct Trip {
    commands: Pipeline,
    calls: Vec<Part>,
}

/// One call of a trip.
struct Part {
    slot: u16,
    script: Option<&'static Script>,
    /// Whether its node is told that it is taking over the slot.
    asking: bool,
    /// Where its command stands in the pipeline.
    place: usize,
}

impl Trip {
    /// A trip of these calls; those that are marked ask a node of a cluster that is taking over their slot.
    pub(super) fn of(calls: impl IntoIterator<Item = (Call, bool)>) -> Self {
        let mut trip = Self { commands: Pipeline::new(), calls: Vec::new() };
        for (Call { slot, command, script }, asking) in calls {
            if asking {
                trip.commands.cmd("ASKING");
            }
            trip.calls.push(Part { slot, script, asking, place: trip.commands.len() });
            trip.commands.add_command(command);
        }
        trip
    }

    /// Sends the calls. The answers stand in their order; an error of the server's is an answer.
    pub(super) async fn send(&self, link: &Link) -> Result<Vec<Value>, LinkError> {
        let mut all = link.send(&self.commands).await?;
        let mut answers: Vec<Value> =
            self.calls.iter().map(|call| all.get_mut(call.place).map(std::mem::take).unwrap_or_default()).collect();

        // A server that was started anew knows no script. One that it does not know it has not run.
        let mut unknown = Vec::new();
        let mut with_text = Vec::new();
        for (number, (part, answer)) in self.calls.iter().zip(&answers).enumerate() {
            if let (Some(script), Value::ServerError(error)) = (part.script, answer)
                && error.kind() == Some(ServerErrorKind::NoScript)
            {
                let call = self.call(number);
                let command = script.with_text(&call.command);
                with_text.push((Call { script: None, command, ..call }, part.asking));
                unknown.push(number);
            }
        }
        if !unknown.is_empty() {
            for (number, answer) in unknown.into_iter().zip(Box::pin(Self::of(with_text).send(link)).await?) {
                answers[number] = answer;
            }
        }
        Ok(answers)
    }

    /// The call of that number, once more.
    pub(super) fn call(&self, number: usize) -> Call {
        let part = &self.calls[number];
        let command = self.commands.cmd_iter().nth(part.place).cloned().unwrap_or_default();
        Call { slot: part.slot, command, script: part.script }
    }
}
