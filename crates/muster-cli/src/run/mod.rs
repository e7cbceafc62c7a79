//! Every verb: which words lead to which function.

mod alerts;
mod bundle;
mod daemon;
mod demo;
mod forum;
mod headquarters;
mod import;
mod maintain;
mod objects;
mod pair;
mod paper;
mod recover;
pub mod rest;
mod setup;
mod simple;
mod trust;
mod views;

use clap::ArgMatches;
use muster_node::api::{Request, exit};
use muster_store::Unlock;

use crate::{
    Context, args,
    failure::{Failure, Outcome},
    render,
    settings::Settings,
};

/// Starts logging to stderr: the daemon's at its level, others' only what is wrong.
pub fn logging(settings: &Settings, daemon: bool) -> Outcome<()> {
    let filter = if daemon || std::env::var_os("MUSTER_LOG").is_some() {
        settings.log.value.clone()
    } else {
        "error".to_owned()
    };
    let filter = tracing_subscriber::EnvFilter::try_new(&filter).map_err(|e| {
        Failure::new("config-wrong", exit::USAGE)
            .with("path", "log")
            .with("why", e)
    })?;
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(
            std::env::var_os("NO_COLOR").is_none()
                && std::io::IsTerminal::is_terminal(&std::io::stderr()),
        )
        .try_init();
    Ok(())
}

/// What opens the data directory, by the command line. What is written from here on is its owner's
/// alone.
pub fn unlock(context: &Context<'_>) -> Outcome<Unlock> {
    rest::private_files();
    if let Some(path) = context.all.get_one::<String>("passphrase-file") {
        return rest::passphrase_from(std::path::Path::new(path)).map(Unlock::Passphrase);
    }
    if let Some(path) = context.all.get_one::<String>("key-file") {
        return Ok(Unlock::KeyFile(path.into()));
    }
    // Headquarters may do without a directory of its own, and is asked for none that it did not name.
    let named = context.all.get_one::<String>("data").is_some();
    let wanted = named || context.all.subcommand_name() != Some("hq");
    match wanted && rest::asks_for_passphrase(&context.settings.data.value) {
        true => rest::prompt(context).map(Unlock::Passphrase),
        false => Ok(Unlock::DefaultKeyFile),
    }
}

/// Runs a verb. Gives the exit code.
pub fn dispatch(context: &Context<'_>, verb: &[&str], m: &ArgMatches) -> Outcome<u8> {
    match verb {
        ["init"] => setup::init(context, m),
        ["join"] => setup::join(context, m),
        ["invite"] => pair::invite(context, m),
        ["admit"] => setup::admit(context, m),
        ["daemon"] => daemon::daemon(context, m),
        ["lock"] => rest::lock(context),
        ["unlock"] => rest::unlock(context),
        ["wipe"] => rest::wipe(context),
        ["demo"] => demo::demo(context, m),
        ["sample"] => demo::sample(context, m),
        ["status"] => ask(context, "status", Request::Status, render::status::status),
        ["digest"] => ask(context, "digest", Request::Digest, render::status::digest),
        ["peers"] => ask(context, "peers", Request::Peers, render::status::peers),
        ["devices"] => ask(context, "devices", Request::Devices, render::trust::devices),
        ["revoke"] => trust::revoke(context, m),
        ["grant"] => trust::grant(context, m),
        ["adopt"] => trust::adopt(context, m),
        ["allowance"] => trust::allowance(context, m),
        ["keys", "rotate"] => trust::rotate(context, m),
        ["recover"] => recover::recover(context, m),
        ["stop"] => maintain::stop(context),
        ["doctor"] => maintain::doctor(context),
        ["verify"] => maintain::verify(context, m),
        ["repair"] => maintain::repair(context),
        ["operator"] => simple::operator(context, m),
        ["assign"] => simple::assign(context, m),
        ["offer", "answer"] => simple::answer(context, m),
        ["offer", step] => simple::step(context, step, m),
        [
            view @ ("staffing" | "overdue" | "rollcall" | "picture" | "sources" | "match"
            | "duplicates" | "brief"),
        ] => views::run(context, view, m),
        ["checkin"] => simple::checkin(context, m),
        ["checkout"] => simple::checkout(context, m),
        ["find"] => simple::find(context, m),
        ["say"] => forum::say(context, m),
        ["threads"] => forum::threads(context, m),
        ["read"] => forum::read(context, m),
        ["agenda"] => forum::agenda(context, m),
        ["where"] => forum::places(context, m),
        ["print"] => forum::print(context, m),
        ["note"] => forum::note(context, m),
        ["conflicts"] => ask(
            context,
            "conflicts",
            Request::Conflicts,
            render::conflicts::conflicts,
        ),
        ["settle"] => simple::settle(context, m),
        ["network"] => {
            let offline = required(m, "state")? == "off";
            let said = if offline {
                "said-offline"
            } else {
                "said-online"
            };
            ask(context, "network", Request::Network { offline }, |c, _| {
                c.words.t(said)
            })
        }
        ["sync"] => simple::sync(context, m),
        ["log"] => simple::log(context, m),
        ["history"] => simple::history(context, m),
        ["watch"] => simple::watch(context),
        ["import"] if text(m, "what").as_deref() == Some("alerts") => alerts::import(context, m),
        ["import"] => import::import(context, m),
        ["hq", "import"] => headquarters::import(context, m),
        ["hq", "export"] => headquarters::export(context, m),
        ["bundle", "export"] => bundle::export(context, m),
        ["bundle", "import"] => bundle::import(context, m),
        ["bundle", "inspect"] => bundle::inspect(context, m),

        ["config", "show"] => {
            let answer = serde_json::json!({ "settings": context.settings.json() });
            context.answer("config.show", answer, render::status::settings);
            Ok(0)
        }
        ["completions"] => simple::completions(context, m),
        ["man"] => simple::man(context),
        [kind, rest @ ..] => match (args::kind_of(kind), rest) {
            (Some(kind), [what]) => objects::run(context, kind, what, m),
            _ => Err(Failure::new("no-such-verb", exit::USAGE).with("verb", verb.join(" "))),
        },
        [] => Err(Failure::new("no-such-verb", exit::USAGE).with("verb", "")),
    }
}

/// A verb that is one question to the daemon.
pub fn ask(
    context: &Context<'_>,
    verb: &str,
    request: Request,
    text: impl FnOnce(&Context<'_>, &serde_json::Value) -> String,
) -> Outcome<u8> {
    let answer = context.client()?.call(&request)?;
    context.answer(verb, answer, text);
    Ok(0)
}

/// A text argument that may be absent.
pub fn text(m: &ArgMatches, name: &str) -> Option<String> {
    m.try_get_one::<String>(name).ok().flatten().cloned()
}

/// A text argument that clap has made sure of.
pub fn required(m: &ArgMatches, name: &str) -> Outcome<String> {
    text(m, name).ok_or_else(|| Failure::new("missing-argument", exit::USAGE).with("name", name))
}
