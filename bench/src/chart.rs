//! A bar chart of the rates, as SVG.
//!
//! Written by hand: a few rectangles and words need no library. It brings no fonts and no
//! scripts, and its colors can be read on light and on dark pages.

use crate::{
    contestants::Contestant,
    report::written,
    rounds::{Results, Score, Spread},
};
use std::fmt::Write as _;

/// Sizes in pixels.
const WIDTH: f64 = 720.0;
const NAMES: f64 = 90.0;
const BAR: f64 = 16.0;
const GAP: f64 = 6.0;
const HEADING: f64 = 34.0;
/// Of a bar that is as quick as the limit; the rest is for its figure.
const FULL: f64 = 480.0;

/// Every workload with a bar for each contestant: its rate beside that of the bare Worker. None:
/// there is nothing to show.
pub(crate) fn chart(results: &Results) -> Option<String> {
    let mut body = String::new();
    let mut top = GAP;
    let mut workload = None;
    for score in &results.0 {
        let ratio = results.ratio(
            score.workload,
            (score.contestant, Contestant::Bare),
            |run| run.rate,
        )?;
        if workload != Some(score.workload) {
            workload = Some(score.workload);
            top += HEADING;
            let (y, name) = (top - 10.0, score.workload.name());
            let _ = writeln!(body, r#"<text x="0" y="{y}" class="heading">{name}</text>"#);
        }
        bar(&mut body, top, score, ratio);
        top += BAR + GAP;
    }
    workload?;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {top}\" role=\"img\">\n\
         <title>Requests per second beside a Worker that answers at once</title>\n\
         <style>\n\
         text {{ font: 13px sans-serif; fill: #7a828c; }}\n\
         .heading {{ font-weight: bold; }}\n\
         rect {{ fill: #9aa4b0; }}\n\
         .patrol {{ fill: #2f81f7; }}\n\
         line {{ stroke: #d1242f; stroke-width: 2; }}\n\
         </style>\n{body}</svg>\n"
    ))
}

/// One bar, with a line over the middle half of its turns.
fn bar(body: &mut String, top: f64, score: &Score, ratio: Spread) {
    let class = match score.contestant {
        Contestant::Patrol => "patrol",
        _ => "other",
    };
    let place = |ratio: f64| (ratio * FULL).clamp(0.0, WIDTH - NAMES);
    let (width, from, to) = (
        place(ratio.median),
        NAMES + place(ratio.low),
        NAMES + place(ratio.high),
    );
    let (middle, baseline) = (top + BAR / 2.0, top + BAR - 3.0);
    let after = NAMES + width.max(place(ratio.high)) + 8.0;
    let (name, figure) = (score.contestant.name(), written(ratio));
    let _ = writeln!(
        body,
        "<text x=\"0\" y=\"{baseline}\">{name}</text>\
         <rect class=\"{class}\" x=\"{NAMES}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\"/>\
         <line x1=\"{from:.1}\" y1=\"{middle}\" x2=\"{to:.1}\" y2=\"{middle}\"/>\
         <text x=\"{after:.1}\" y=\"{baseline}\">{figure}</text>"
    );
}
