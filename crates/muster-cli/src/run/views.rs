//! Verbs that answer the day's questions.

use clap::ArgMatches;
use muster_node::api::Request;

use super::{ask, required, text};
use crate::{
    Context,
    failure::Outcome,
    render::{duplicates, matching, views},
};

/// One of them.
pub fn run(c: &Context<'_>, verb: &str, m: &ArgMatches) -> Outcome<u8> {
    match verb {
        "staffing" => ask(c, "staffing", Request::Staffing, views::staffing),
        "overdue" => ask(c, "overdue", Request::Overdue, views::overdue),
        "rollcall" => {
            let site = required(m, "site")?;
            ask(c, "rollcall", Request::RollCall { site }, views::rollcall)
        }
        "picture" => ask(c, "picture", Request::Picture, views::picture),
        "match" => match text(m, "match-about") {
            Some(about) => {
                let limit = m.get_one::<usize>("limit").copied();
                let request = Request::Match { about, limit };
                ask(c, "match", request, matching::one)
            }
            None => ask(c, "match", Request::MatchAll, matching::all),
        },
        "duplicates" => {
            let kind = text(m, "kind");
            let request = Request::Duplicates { kind };
            ask(c, "duplicates", request, duplicates::duplicates)
        }
        "sources" => ask(c, "sources", Request::Sources, views::sources),
        _ => {
            let since = text(m, "since");
            ask(c, "brief", Request::Brief { since }, views::brief)
        }
    }
}
