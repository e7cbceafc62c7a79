//! Verbs that answer the day's questions: who is here, who is late, what is missing, what is new.

use clap::{ArgGroup, Command, value_parser};

use super::Builder;

impl Builder<'_> {
    /// A verb whose help ends with a sentence that says what it shows.
    fn view(&self, name: &'static str) -> Command {
        let more = self.words.t(&format!("said-view-{name}"));
        self.verb(name).after_help(more)
    }

    pub(super) fn views(&self) -> Vec<Command> {
        vec![
            self.view("staffing"),
            self.view("overdue"),
            self.view("rollcall").arg(self.arg("site").required(true)),
            self.view("picture"),
            self.view("sources"),
            self.view("match")
                .arg(self.arg("match-about").value_name("TASK|VOLUNTEER"))
                .arg(self.switch("all").conflicts_with("match-about"))
                .arg(
                    self.flag("limit")
                        .value_name("N")
                        .value_parser(value_parser!(usize)),
                )
                .group(
                    ArgGroup::new("whom-or-what")
                        .args(["match-about", "all"])
                        .required(true),
                ),
            self.view("duplicates")
                .arg(self.flag("kind").value_name("KIND")),
            self.view("brief").arg(
                self.flag("since")
                    .help(self.words.t("arg-since-brief"))
                    .value_name("TIME|SPAN"),
            ),
        ]
    }
}
