//! The picture of a run: a bar for each row, as long as its processor time an event.

use std::fmt::Write as _;

use crate::rounds::{Measured, Run};

const ROW: u32 = 26;
const LABELS: f64 = 230.0;
const WIDTH: f64 = 760.0;

/// An SVG with the rows of some runs, the first of each the reference.
pub(crate) fn svg(runs: &[(&str, Run)]) -> String {
    let rows: usize = runs.iter().map(|(_, run)| run.measured.len() + 1).sum();
    let height = u32::try_from(rows).unwrap_or_default() * ROW + 10;
    let each = runs.iter().flat_map(|(_, run)| &run.measured);
    let longest = each.map(an_event).fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut top = 5;
    for (title, run) in runs {
        text(&mut svg, 10.0, top, &format!("{title} (µs of processor time an event)"), "bold");
        top += ROW;
        for (place, measured) in run.measured.iter().enumerate() {
            let cost = an_event(measured);
            let length = (WIDTH - LABELS - 60.0) * cost / longest;
            let colour = if place == 0 { "#9aa5b1" } else { "#c2541b" };
            text(&mut svg, 20.0, top, measured.name, "normal");
            // A string takes everything.
            writeln!(
                svg,
                "<rect x=\"{LABELS}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/>",
                top + 4,
                ROW - 8
            )
            .ok();
            text(&mut svg, LABELS + length + 6.0, top, &format!("{cost:.1}"), "normal");
            top += ROW;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn an_event(measured: &Measured) -> f64 {
    measured.cost() / f64::from(measured.events)
}

fn text(svg: &mut String, left: f64, top: u32, text: &str, weight: &str) {
    let base = top + ROW - 9;
    // A string takes everything.
    writeln!(svg, "<text x=\"{left:.1}\" y=\"{base}\" font-weight=\"{weight}\">{text}</text>").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(name: &'static str, events: u32, cost: f64) -> Measured {
        let (costs, rates) = (vec![cost], vec![1.0]);
        Measured { name, events, costs, rates, latencies: Vec::new(), answer_bytes: 0, memory: 0 }
    }

    #[test]
    fn the_longest_bar_is_the_dearest_event_and_the_others_stand_to_it_as_they_cost() {
        let run = Run { measured: vec![measured("bare", 1, 10.0), measured("ten", 10, 200.0)], noisy: false };

        let svg = svg(&[("Ingest", run)]);

        assert!(svg.contains("width=\"470.0\"") && svg.contains("width=\"235.0\""), "{svg}");
    }
}
