//! Verbs of the kinds, with one flag for each field of the table.

use clap::{Arg, ArgAction, Command, value_parser};
use muster_model::table::{Field, FieldType, Kind, Merge};

use super::{Builder, verb_of};

impl Builder<'_> {
    pub(super) fn kind(&self, kind: &'static Kind) -> Command {
        let label = self.words.lang.label(kind.label);
        let about = self.words.with("verb-kind", crate::args!["kind" = label]);
        let mut command = Command::new(verb_of(kind))
            .about(about)
            .subcommand_required(true);
        let add = self.under("kind", "add");
        let edit = self
            .under("kind", "edit")
            .arg(self.arg("id").required(true));
        command = command
            .subcommand(self.fields(kind, add, true))
            .subcommand(self.fields(kind, edit, false))
            .subcommand(self.filters(kind, self.under("kind", "list")))
            .subcommand(
                self.under("kind", "show")
                    .arg(self.arg("id").required(true)),
            )
            .subcommand(self.erase())
            .subcommand(
                self.under("kind", "merge")
                    .arg(self.arg("kept").required(true))
                    .arg(self.arg("other").required(true)),
            )
            .subcommand(
                self.under("kind", "split")
                    .arg(self.arg("id").required(true)),
            );
        match kind.name {
            "need" => {
                let report = self.under("need", "report").arg(self.arg("title"));
                command = command.subcommand(self.fields(kind, report, true));
            }
            // The shortest way there is: what happened, in one line.
            "note" => {
                command = command
                    .subcommand_required(false)
                    .args_conflicts_with_subcommands(true)
                    .arg(self.arg("note-text").required(true).num_args(1..))
                    .arg(self.flag("about").value_name("ID"))
                    .arg(self.arg("noted-at").long("at").value_name("TIME"))
                    .subcommand_negates_reqs(true);
            }
            "task" => {
                let for_need = self
                    .under("task", "for")
                    .arg(self.arg("need").required(true));
                command = command.subcommand(self.fields(kind, for_need, true));
            }
            _ => {}
        }
        command
    }

    fn erase(&self) -> Command {
        let nothing = self.words.t("arg-dry-run-erase");
        self.under("kind", "erase")
            .after_help(self.words.t("verb-kind-erase-more"))
            .arg(self.arg("id").required(true))
            .arg(self.flag("why").value_name("TEXT"))
            .arg(self.switch("dry-run").help(nothing))
    }

    /// One flag for each field, and the two general ways.
    fn fields(&self, kind: &'static Kind, mut command: Command, positional: bool) -> Command {
        let taken: Vec<String> = command
            .get_arguments()
            .map(|a| a.get_id().to_string())
            .collect();
        for field in kind.fields {
            if field.name == "number" || field.group.is_some() {
                continue;
            }
            let id = format!("field:{}", field.name);
            // The word itself may already be there as a positional argument.
            if taken.contains(&field.name.to_owned()) && !positional {
                continue;
            }
            let mut arg = Arg::new(id)
                .long(field.flag())
                .help(self.field_help(field))
                .value_name(value_name(field))
                .hide_possible_values(true)
                .allow_hyphen_values(true)
                .num_args(1);
            if matches!(field.merge, Merge::Set | Merge::Group) {
                arg = arg.action(ArgAction::Append);
            }
            command = command.arg(arg);
        }
        command
            .arg(
                self.flag("set")
                    .value_name("FIELD=VALUE")
                    .action(ArgAction::Append),
            )
            .arg(self.flag("from-json").value_name("FILE|-"))
    }

    fn field_help(&self, field: &Field) -> String {
        let label = self.words.lang.label(field.label);
        match field.ty {
            FieldType::Enum(list) => {
                let codes: Vec<_> = list.values.iter().map(|(code, _)| *code).collect();
                format!("{label}: {}", codes.join(", "))
            }
            _ => label.to_owned(),
        }
    }

    fn filters(&self, kind: &'static Kind, mut command: Command) -> Command {
        for field in kind.fields {
            let filterable = matches!(
                field.ty,
                FieldType::Enum(_)
                    | FieldType::Vocabulary(_)
                    | FieldType::Boolean
                    | FieldType::Text
                    | FieldType::Reference(_)
                    | FieldType::Language
            );
            if !filterable || field.group.is_some() || field.name == "text" || field.name == "limit"
            {
                continue;
            }
            command = command.arg(
                Arg::new(format!("field:{}", field.name))
                    .long(field.flag())
                    .help(self.field_help(field))
                    .value_name(value_name(field)),
            );
        }
        if kind.name == "information" {
            command = command.arg(self.flag("missing").value_name("TAG"));
        }
        command
            .arg(
                self.flag("where")
                    .value_name("FIELD=VALUE")
                    .action(ArgAction::Append),
            )
            .arg(self.flag("containing").value_name("TEXT"))
            .arg(
                self.flag("stale")
                    .value_name("TIME|SPAN")
                    .num_args(0..=1)
                    .default_missing_value("12h"),
            )
            .arg(
                self.flag("near")
                    .value_name("LAT,LON|ID")
                    .allow_hyphen_values(true),
            )
            .arg(
                self.flag("within")
                    .value_name("KM")
                    .value_parser(value_parser!(f64))
                    .requires("near"),
            )
            .arg(
                self.flag("limit")
                    .value_name("N")
                    .value_parser(value_parser!(usize)),
            )
            .arg(self.flag("after").value_name("ID"))
    }
}

fn value_name(field: &Field) -> &'static str {
    match field.ty {
        FieldType::Integer(..) | FieldType::Decimal => "N",
        FieldType::Boolean => "yes|no",
        FieldType::Time => "TIME",
        FieldType::Date => "DATE",
        FieldType::Place => "LAT,LON",
        FieldType::Reference(_) => "ID",
        FieldType::Enum(_) | FieldType::Vocabulary(_) => "CODE",
        FieldType::Language => "TAG",
        FieldType::Window => "FROM/TO",
        FieldType::Group => "NAME=VALUE;...",
        _ => "TEXT",
    }
}
