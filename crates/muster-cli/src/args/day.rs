//! The grammar of the day: forum, calendar, map, information, paper.

use clap::Command;

use super::Builder;

impl Builder<'_> {
    /// Verbs of the forum.
    pub(super) fn forum(&self) -> [Command; 6] {
        let say = self
            .verb("say")
            .arg(self.arg("words").required(true).num_args(1..))
            .arg(self.arg("whom").long("to").value_name("WHO"))
            .arg(self.flag("thread").value_name("NAME"))
            .arg(self.flag("reply-to").value_name("MESSAGE"))
            .arg(
                self.flag("translation-of")
                    .value_name("MESSAGE")
                    .conflicts_with("reply-to"),
            )
            .arg(self.flag("language").value_name("TAG"))
            .arg(self.arg("pressing").long("priority").value_name("CODE"))
            .arg(self.arg("over-at").long("expires").value_name("TIME"))
            .arg(self.switch("pin"));
        let read = self
            .verb("read")
            .arg(self.arg("in-thread").value_name("THREAD"))
            .arg(self.switch("silent"));
        [
            say,
            self.verb("threads").arg(self.switch("expired")),
            read,
            self.verb("agenda")
                .arg(self.arg("whose").value_name("WHO"))
                .arg(self.arg("window-from").long("from").value_name("TIME"))
                .arg(self.arg("window-to").long("to").value_name("TIME")),
            self.verb("where")
                .arg(self.flag("sector").value_name("CODE"))
                .arg(self.flag("area").value_name("TEXT"))
                .arg(self.flag("svg").value_name("FILE"))
                .arg(self.arg("map-title").long("title").value_name("TEXT")),
            self.verb("print")
                .arg(self.arg("form").required(true).value_parser([
                    "ics204",
                    "ics211",
                    "ics214",
                    "roster",
                    "slip",
                    "badge",
                    "notice",
                    "attestation",
                ]))
                .arg(self.arg("form-of").value_name("OF"))
                .arg(self.flag("out").value_name("FILE"))
                .arg(self.arg("form-from").long("from").value_name("TIME"))
                .arg(self.arg("form-to").long("to").value_name("TIME")),
        ]
    }
}
