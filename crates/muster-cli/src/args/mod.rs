//! The command line's grammar, with its help in the person's language. Flags for fields come from
//! the field table, so that a new field is one line there.

mod day;
mod fields;
mod trust;
mod views;

use clap::{Arg, ArgAction, ArgGroup, Command, value_parser};
use muster_model::table::{KINDS, Kind};

use crate::lang::Words;

/// Verbs that stand for a kind of object, where the kind's name is not the verb.
pub fn verb_of(kind: &Kind) -> &'static str {
    match kind.name {
        "check-in" | "checkin" => "attendance",
        "information" => "info",
        name => name,
    }
}

/// The kind a verb stands for.
pub fn kind_of(verb: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| verb_of(kind) == verb).copied()
}

struct Builder<'a> {
    words: &'a Words,
}

/// The whole grammar.
pub fn command(words: &Words) -> Command {
    let b = Builder { words };
    let mut command = Command::new("muster")
        .version(env!("CARGO_PKG_VERSION"))
        .about(words.t("about"))
        .after_help(words.t("about-after"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(100)
        .subcommand_help_heading(words.t("heading-verbs"))
        .next_help_heading(words.t("heading-everywhere"))
        .arg(b.global("data").value_name("DIR").env("MUSTER_DATA"))
        .arg(b.global("json").action(ArgAction::SetTrue))
        .arg(b.global("plain").action(ArgAction::SetTrue))
        .arg(b.global("lang").value_name("en|fr"))
        .arg(b.global("yes").action(ArgAction::SetTrue))
        .arg(b.global("config").value_name("FILE").env("MUSTER_CONFIG"))
        .arg(
            b.global("passphrase-file")
                .value_name("FILE")
                .conflicts_with("key-file"),
        )
        .arg(b.global("key-file").value_name("FILE"))
        .next_help_heading(None::<&str>);
    for verb in [
        b.init(),
        b.join(),
        b.invite(),
        b.admit(),
        b.verb("devices"),
        b.revoke(),
        b.grant(),
        b.adopt(),
        b.allowance(),
        b.keys(),
        b.recover(),
        b.operator(),
        b.daemon(),
        b.verb("status"),
        b.verb("peers"),
        b.verb("digest"),
        b.verb("doctor"),
        b.verb("lock"),
        b.verb("unlock"),
        b.verb("wipe"),
        b.verb("stop"),
    ] {
        command = command.subcommand(verb);
    }
    for kind in KINDS {
        command = command.subcommand(b.kind(kind));
    }
    for verb in b.forum().into_iter().chain(b.views()) {
        command = command.subcommand(verb);
    }
    for verb in [
        b.assign(),
        b.offer(),
        b.checkin(),
        b.checkout(),
        b.find(),
        b.verb("conflicts"),
        b.settle(),
        b.import(),
        b.network(),
        b.sync(),
        b.bundle(),
        b.log(),
        b.history(),
        b.verify(),
        b.verb("repair"),
        b.verb("watch"),
        b.hq(),
        b.config(),
        b.completions(),
        b.verb("man"),
        b.demo(),
        b.sample(),
    ] {
        command = command.subcommand(verb);
    }
    command
}

impl Builder<'_> {
    fn verb(&self, name: &'static str) -> Command {
        Command::new(name).about(self.words.t(&format!("verb-{name}")))
    }

    fn under(&self, parent: &str, name: &'static str) -> Command {
        Command::new(name).about(self.words.t(&format!("verb-{parent}-{name}")))
    }

    fn arg(&self, name: &'static str) -> Arg {
        Arg::new(name).help(self.words.t(&format!("arg-{name}")))
    }

    fn flag(&self, name: &'static str) -> Arg {
        self.arg(name).long(name)
    }

    fn switch(&self, name: &'static str) -> Arg {
        self.flag(name).action(ArgAction::SetTrue)
    }

    fn global(&self, name: &'static str) -> Arg {
        self.flag(name).global(true)
    }

    fn init(&self) -> Command {
        self.verb("init")
            .arg(self.flag("incident").value_name("NAME").required(true))
            .arg(self.flag("device").value_name("LABEL").required(true))
            .arg(self.flag("code").value_name("CODE"))
            .arg(
                self.flag("roots")
                    .value_name("N")
                    .value_parser(value_parser!(u8).range(1..=16))
                    .default_value("1"),
            )
            .arg(
                self.flag("threshold")
                    .value_name("K")
                    .value_parser(value_parser!(u8).range(1..=16))
                    .default_value("1"),
            )
            .arg(
                self.flag("recovery-out")
                    .value_name("FILE")
                    .action(ArgAction::Append),
            )
            .arg(self.flag("languages").value_name("LIST"))
    }

    fn join(&self) -> Command {
        self.verb("join")
            .arg(self.arg("invitation").value_name("CODE"))
            .arg(self.flag("request-out").value_name("FILE"))
            .arg(self.switch("qr").requires("request-out"))
            .arg(self.flag("answer").value_name("FILE"))
            .arg(self.flag("device").value_name("LABEL"))
            .arg(self.flag("code").value_name("CODE"))
            .group(
                ArgGroup::new("step")
                    .args(["invitation", "request-out", "answer"])
                    .required(true),
            )
            .arg(
                self.flag("peer")
                    .value_name("MULTIADDR")
                    .requires("invitation")
                    .action(ArgAction::Append),
            )
            .arg(self.switch("no-discovery").requires("invitation"))
            .arg(
                self.flag("timeout")
                    .value_name("SECONDS")
                    .requires("invitation")
                    .value_parser(value_parser!(u64)),
            )
    }

    fn role(&self) -> Arg {
        self.flag("role").value_name("ROLE").value_parser([
            "hq",
            "coordinator",
            "lead",
            "volunteer",
            "relay",
        ])
    }

    fn invite(&self) -> Command {
        self.verb("invite")
            .arg(self.role().required_unless_present("end"))
            .arg(self.flag("person").value_name("VOLUNTEER"))
            .arg(self.flag("scope").value_name("TEAM|SITE"))
            .arg(self.switch("sensitive"))
            .arg(self.flag("expires").value_name("TIME"))
            .arg(
                self.flag("code-expires")
                    .value_name("SECONDS")
                    .value_parser(value_parser!(u64)),
            )
            .arg(self.switch("no-wait"))
            .arg(self.switch("end").conflicts_with("role"))
    }

    fn admit(&self) -> Command {
        self.verb("admit")
            .arg(self.arg("device").value_name("DEVICE").conflicts_with_all([
                "role",
                "answer-out",
                "person",
                "scope",
                "sensitive",
                "expires",
            ]))
            .arg(self.flag("request").value_name("FILE"))
            .group(
                ArgGroup::new("whom")
                    .args(["device", "request"])
                    .required(true),
            )
            .arg(self.role().required_unless_present("device"))
            .arg(self.flag("person").value_name("VOLUNTEER"))
            .arg(self.flag("scope").value_name("TEAM|SITE"))
            .arg(self.switch("sensitive"))
            .arg(self.flag("expires").value_name("TIME"))
            .arg(
                self.flag("answer-out")
                    .value_name("FILE")
                    .required_unless_present("device"),
            )
    }

    fn operator(&self) -> Command {
        self.verb("operator").arg(self.arg("name"))
    }

    fn daemon(&self) -> Command {
        self.verb("daemon")
            .arg(
                self.flag("listen")
                    .value_name("MULTIADDR")
                    .action(ArgAction::Append),
            )
            .arg(
                self.flag("peer")
                    .value_name("MULTIADDR")
                    .action(ArgAction::Append),
            )
            .arg(self.switch("no-discovery"))
            .arg(self.switch("no-network"))
            .arg(self.switch("locked"))
            .arg(self.flag("auto-lock").value_name("DURATION"))
    }

    fn assign(&self) -> Command {
        self.verb("assign")
            .arg(self.arg("task").required(true))
            .arg(self.arg("volunteer").required(true))
            .arg(self.flag("slot").value_name("SLOT"))
            .arg(self.flag("from").value_name("TIME"))
            .arg(self.flag("to").value_name("TIME"))
            .arg(self.flag("lease").value_name("TIME"))
            .arg(self.flag("override").value_name("WHY"))
            .arg(self.told())
            .arg(self.told_by())
    }

    fn told(&self) -> Arg {
        self.flag("told")
            .value_name("HOW")
            .value_parser(["voice", "radio", "paper"])
    }

    fn told_by(&self) -> Arg {
        self.flag("told-by").value_name("NAME").requires("told")
    }

    fn offer(&self) -> Command {
        let step = |command: Command| {
            command
                .arg(self.arg("assignment").required(true))
                .arg(self.flag("why").value_name("TEXT"))
        };
        self.verb("offer")
            .subcommand_required(true)
            .subcommand(
                self.under("offer", "answer")
                    .arg(self.arg("assignment").required(true))
                    .arg(
                        self.arg("answer")
                            .required(true)
                            .value_parser(["accept", "decline"]),
                    )
                    .arg(self.told())
                    .arg(self.told_by()),
            )
            .subcommand(step(self.under("offer", "withdraw")))
            .subcommand(step(self.under("offer", "no-show")))
            .subcommand(step(self.under("offer", "on-site")))
            .subcommand(step(self.under("offer", "done")))
    }

    fn checkin(&self) -> Command {
        self.verb("checkin")
            .arg(self.arg("person").required(true))
            .arg(self.flag("site").value_name("SITE"))
            .arg(self.flag("at").value_name("TIME"))
            .arg(self.flag("override").value_name("WHY"))
    }

    fn checkout(&self) -> Command {
        self.verb("checkout")
            .arg(self.arg("person").required(true))
            .arg(self.flag("at").value_name("TIME"))
    }

    fn find(&self) -> Command {
        self.verb("find")
            .arg(self.arg("text").required(true).num_args(1..))
            .arg(
                self.flag("limit")
                    .value_name("N")
                    .value_parser(value_parser!(usize)),
            )
    }

    fn settle(&self) -> Command {
        self.verb("settle")
            .arg(self.arg("conflict").required(true))
            .arg(self.flag("choose").value_name("A|B"))
            .arg(self.flag("value").value_name("VALUE"))
            .group(
                ArgGroup::new("how")
                    .args(["choose", "value"])
                    .required(true),
            )
    }

    fn import(&self) -> Command {
        self.verb("import")
            .arg(self.arg("what").required(true).value_parser([
                "volunteers",
                "needs",
                "sites",
                "alerts",
            ]))
            .arg(self.arg("file").required(true))
            .arg(self.flag("map").value_name("MAP.toml"))
            .arg(self.switch("dry-run"))
    }

    fn network(&self) -> Command {
        self.verb("network")
            .arg(self.arg("state").required(true).value_parser(["on", "off"]))
    }

    fn sync(&self) -> Command {
        self.verb("sync")
            .arg(self.arg("peer"))
            .arg(self.switch("wait"))
            .arg(
                self.flag("timeout")
                    .value_name("SECONDS")
                    .value_parser(value_parser!(u64))
                    .default_value("10"),
            )
    }

    fn bundle(&self) -> Command {
        self.verb("bundle")
            .subcommand_required(true)
            .subcommand(
                self.under("bundle", "export")
                    .arg(self.flag("out").value_name("FILE").required(true))
                    .arg(self.flag("for").value_name("DEVICE"))
                    .arg(self.flag("since").value_name("TIME"))
                    .arg(self.switch("public").conflicts_with("for")),
            )
            .subcommand(
                self.under("bundle", "import")
                    .arg(self.arg("files").required(true).num_args(1..)),
            )
            .subcommand(
                self.under("bundle", "inspect")
                    .arg(self.arg("file").required(true)),
            )
    }

    fn log(&self) -> Command {
        self.verb("log")
            .arg(self.switch("follow"))
            .arg(self.switch("refused"))
            .arg(self.flag("of").value_name("OBJECT"))
            .arg(
                self.flag("limit")
                    .value_name("N")
                    .value_parser(value_parser!(usize)),
            )
    }

    fn history(&self) -> Command {
        self.verb("history").arg(self.arg("id").required(true))
    }

    fn verify(&self) -> Command {
        self.verb("verify").arg(self.arg("path"))
    }

    fn hq(&self) -> Command {
        self.verb("hq")
            .subcommand_required(true)
            .subcommand(
                self.under("hq", "import")
                    .arg(self.flag("into").value_name("sqlite:FILE").required(true))
                    .arg(self.arg("paths").required(true).num_args(1..)),
            )
            .subcommand(
                self.under("hq", "export")
                    .arg(self.flag("from").value_name("sqlite:FILE").required(true))
                    .arg(
                        self.flag("format")
                            .value_name("FORMAT")
                            .value_parser(["csv"])
                            .default_value("csv"),
                    )
                    .arg(self.flag("out").value_name("DIR").required(true)),
            )
    }

    fn config(&self) -> Command {
        self.verb("config")
            .subcommand_required(true)
            .subcommand(self.under("config", "show").arg(self.switch("origin")))
    }

    fn completions(&self) -> Command {
        self.verb("completions").arg(
            self.arg("shell")
                .required(true)
                .value_parser(value_parser!(clap_complete::Shell)),
        )
    }

    fn demo(&self) -> Command {
        self.verb("demo").arg(self.switch("keep"))
    }

    fn sample(&self) -> Command {
        self.verb("sample")
            .arg(self.switch("load"))
            .arg(
                self.flag("size")
                    .value_name("N")
                    .value_parser(value_parser!(usize))
                    .default_value("60"),
            )
            .arg(
                self.flag("seed")
                    .value_name("N")
                    .value_parser(value_parser!(u64))
                    .default_value("1"),
            )
    }
}
