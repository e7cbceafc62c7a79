//! Verbs of trust: who belongs to the incident, what it may do, and which keys are in use.

use clap::{Arg, ArgAction, ArgGroup, Command, value_parser};

use super::Builder;

const ROLES: [&str; 5] = ["hq", "coordinator", "lead", "volunteer", "relay"];

impl Builder<'_> {
    /// A verb whose help ends with what a person should know before using it.
    fn taught(&self, name: &'static str) -> Command {
        let more = self.words.t(&format!("verb-{name}-more"));
        self.verb(name).after_help(more)
    }

    /// The device that a verb is about.
    fn which(&self) -> Arg {
        self.arg("device")
            .help(self.words.t("arg-which-device"))
            .value_name("DEVICE")
    }

    pub(super) fn revoke(&self) -> Command {
        let heard = self.words.t("arg-wait-heard");
        let since = self.words.t("arg-since-disputed");
        self.taught("revoke")
            .arg(self.which().required(true))
            .arg(self.flag("why").value_name("TEXT"))
            .arg(self.flag("since").help(since).value_name("TIME"))
            .arg(
                self.switch("dry-run")
                    .help(self.words.t("arg-dry-run-acts")),
            )
            .arg(self.switch("wait").help(heard).conflicts_with("dry-run"))
            .arg(
                self.flag("timeout")
                    .value_name("SECONDS")
                    .value_parser(value_parser!(u64))
                    .default_value("60"),
            )
    }

    pub(super) fn grant(&self) -> Command {
        self.taught("grant")
            .arg(self.which().required(true))
            .arg(self.flag("role").value_name("ROLE").value_parser(ROLES))
            .group(
                ArgGroup::new("what")
                    .args(["role", "person", "scope", "sensitive", "expires"])
                    .multiple(true)
                    .required(true),
            )
            .arg(self.flag("person").value_name("VOLUNTEER"))
            .arg(self.flag("scope").value_name("TEAM|SITE"))
            .arg(self.switch("sensitive"))
            .arg(self.flag("expires").value_name("TIME"))
    }

    pub(super) fn adopt(&self) -> Command {
        self.taught("adopt")
            .arg(self.which().required(true))
            .arg(self.flag("entry").value_name("ENTRY"))
    }

    pub(super) fn allowance(&self) -> Command {
        self.taught("allowance")
            .arg(self.which().required(true))
            .arg(
                self.arg("entries")
                    .required(true)
                    .value_name("ENTRIES")
                    .value_parser(value_parser!(u64)),
            )
    }

    pub(super) fn keys(&self) -> Command {
        let more = self.words.t("verb-keys-rotate-more");
        self.verb("keys").subcommand_required(true).subcommand(
            self.under("keys", "rotate").after_help(more).arg(
                self.flag("class")
                    .value_name("CLASS")
                    .value_parser(["C1", "C2", "C3"])
                    .ignore_case(true),
            ),
        )
    }

    pub(super) fn recover(&self) -> Command {
        self.taught("recover")
            .arg(
                self.flag("recovery")
                    .value_name("FILE")
                    .required_unless_present("carry")
                    .action(ArgAction::Append),
            )
            .arg(
                self.flag("recovery-passphrase-file")
                    .value_name("FILE")
                    .action(ArgAction::Append),
            )
            .arg(self.which().long("device"))
            .arg(
                self.flag("end")
                    .help(self.words.t("arg-end-device"))
                    .value_name("DEVICE")
                    .conflicts_with("device"),
            )
            .arg(self.flag("why").value_name("TEXT").requires("end"))
            .arg(
                self.flag("out")
                    .help(self.words.t("arg-out-act"))
                    .value_name("FILE")
                    .conflicts_with("carry"),
            )
            .arg(
                self.flag("sign")
                    .value_name("FILE")
                    .conflicts_with_all(["device", "end", "carry"]),
            )
            .arg(
                self.flag("carry")
                    .value_name("FILE")
                    .conflicts_with_all(["device", "end", "recovery"]),
            )
    }
}
