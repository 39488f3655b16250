//! `sidegate config explain`: how the gate would decide a request, and why.

mod account;

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use http::{HeaderMap, HeaderName, Method};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::super::exit::{bad_config, failed, print};
use super::super::output::Format;
use crate::accounts::settings::is_own_path;
use crate::app::install_crypto;
use crate::clock;
use crate::config::{self, Loaded};
use crate::gate::Request;
use crate::gate::assertion::{self, Bound};
use crate::gate::explain::{Explanation, explain};
use crate::gate::policy::Outcome;
use crate::gate::rules::assertion::JWKS_PATH;
use crate::gate::rules::cors::Origins;
use crate::gate::rules::policy::Effect;
use crate::gate::rules::route::{Access, Match, Route};
use crate::gate::target::{Target, without_prefix};

/// Explain how a request would be decided. The exit code is 0 if it is allowed, 1 if it is refused.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The HTTP method, such as GET.
    method: Method,
    /// The URL, such as `https://app.example.com/path`.
    url: String,
    /// Decide for this caller: an account by its id, email address or username, or the claims of a token as a JSON object.
    /// Without it the request is anonymous.
    #[arg(long = "as", value_name = "USER|CLAIMS", value_parser = parse_caller)]
    who: Option<CallerArg>,
    /// Read the caller's claims from this JSON file.
    #[arg(long = "claims", value_name = "FILE", conflicts_with = "who")]
    claims_file: Option<PathBuf>,
    /// The client IP.
    #[arg(long, default_value = "127.0.0.1")]
    client_ip: IpAddr,
    /// Read this configuration file.
    #[arg(long, short, env = "SIDEGATE_CONFIG", default_value = "sidegate.yaml")]
    config: PathBuf,
    /// Print a table, or JSON with one object per line.
    #[arg(long, value_enum, default_value_t)]
    output: Format,
}

/// The caller to decide for.
#[derive(Debug, Clone)]
enum CallerArg {
    Claims(Map<String, Value>),
    Account(String),
}

fn parse_caller(text: &str) -> Result<CallerArg, String> {
    // No email address or username starts with these characters.
    if text.trim_start().starts_with(['{', '[']) {
        object(text).map(CallerArg::Claims)
    } else if text.trim().is_empty() {
        Err("expected an account (id, email address or username) or a JSON object of claims".to_owned())
    } else {
        Ok(CallerArg::Account(text.to_owned()))
    }
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(claims)) => Ok(claims),
        Ok(_) => Err("expected a JSON object".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Prints the explanation.
pub(super) fn run(args: &Args) -> ExitCode {
    let now = clock::now();
    let claims = match (&args.claims_file, &args.who) {
        (None, None) => None,
        (None, Some(CallerArg::Claims(claims))) => Some(claims.clone()),
        (None, Some(CallerArg::Account(name))) => {
            if let Err(errors) = config::load(&args.config) {
                return bad_config(&errors);
            }
            install_crypto();
            match account::claims(&args.config, name, now) {
                Ok(claims) => Some(claims),
                Err(error) => return failed(&error),
            }
        }
        (Some(file), _) => {
            let read = std::fs::read_to_string(file).map_err(|error| error.to_string());
            match read.and_then(|text| object(&text)) {
                Ok(claims) => Some(claims),
                Err(error) => return usage(&format!("{}: {error}", file.display())),
            }
        }
    };
    let Some((host, target)) = split(&args.url) else {
        return usage("expected a URL such as https://app.example.com/path");
    };
    let loaded = match config::load(&args.config) {
        Ok(loaded) => loaded,
        Err(errors) => return bad_config(&errors),
    };
    let headers = HeaderMap::new();
    let explained = match Target::read(target.as_bytes()) {
        Err(malformed) => Explanation {
            route: None,
            matched: None,
            outcome: None,
            denial: Some(malformed.into()),
            headers: Vec::new(),
            caller: None,
        },
        Ok(target) if is_own(&loaded, target.path()) => {
            return finish(args, &json!({ "decision": "answered by Sidegate itself" }), true);
        }
        Ok(target) => {
            let request = Request {
                method: &args.method,
                host: &host,
                target,
                headers: &headers,
                address: args.client_ip,
            };
            explain(&request, claims.as_ref(), &loaded.snapshot.rules, now)
        }
    };
    let asserted = asserted(args, target, &explained, loaded.boot.asserts_as(), now);
    finish(args, &report(&explained, asserted), explained.denial.is_none())
}

/// The header and the claims of the signed assertion, without what depends on a key.
fn asserted(
    args: &Args,
    target: &str,
    explained: &Explanation,
    issuer: &str,
    now: OffsetDateTime,
) -> Option<(HeaderName, Value)> {
    let (route, caller) = (explained.route.as_ref()?, explained.caller.as_ref()?);
    let (scheme, rest) = args.url.split_once("://")?;
    let stripped = route
        .strip_prefix
        .as_ref()
        .and_then(|prefix| without_prefix(target.as_bytes(), prefix));
    let bound = Bound {
        method: &args.method,
        scheme,
        authority: rest.split('/').next().unwrap_or_default().as_bytes(),
        target: stripped.as_deref().unwrap_or(target.as_bytes()),
    };
    assertion::describe(issuer, caller, route, &bound, now)
}

/// Reports a wrong argument, with exit code 2 as clap does.
fn usage(sentence: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "sidegate: {sentence}");
    ExitCode::from(2)
}

/// Splits a URL into the `Host` and the request target that a client would send.
fn split(url: &str) -> Option<(String, &str)> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let (authority, target) = match rest.find(['/', '?']) {
        Some(at) if rest.as_bytes()[at] == b'/' => rest.split_at(at),
        Some(_) => return None,
        None => (rest, "/"),
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => authority,
    };
    (!host.is_empty()).then(|| (host.to_ascii_lowercase(), target))
}

/// Whether Sidegate itself answers this path (`/auth`, `/.well-known/…`), before any route.
fn is_own(loaded: &Loaded, path: &str) -> bool {
    let auth = loaded.boot.auth.as_ref();
    auth.is_some_and(|auth| is_own_path(&auth.base_path, path)) || path == JWKS_PATH
}

/// Every part of the decision, in the order of the gate's steps.
fn report(explained: &Explanation, asserted: Option<(HeaderName, Value)>) -> Value {
    let mut report = Map::new();
    if let (Some(route), Some(matched)) = (&explained.route, &explained.matched) {
        report.insert("route".into(), (*route.id).into());
        report.insert("upstream".into(), (*route.upstream).into());
        report.insert("matched".into(), patterns(matched));
        report.insert("access".into(), access(route).into());
        if let Some(cors) = &route.cors {
            report.insert("cors".into(), origins(&cors.origins));
        }
    }
    let decision = explained.denial.as_ref().map_or("allowed", |denial| denial.code());
    report.insert("decision".into(), decision.into());
    if let Some(denial) = &explained.denial {
        report.insert("status".into(), denial.status().as_u16().into());
        report.insert("reason".into(), denial.title().into());
    }
    if let (Some(outcome), Some(route)) = (explained.outcome, &explained.route) {
        report.insert("rule".into(), rule(outcome, route));
    }
    if let Some(route) = explained.route.as_ref().filter(|_| explained.denial.is_none()) {
        let limits = route.rate_limits.iter().map(|limit| {
            let per = humantime(limit.window);
            format!("{}: {} in {per}", limit.name, limit.limit)
        });
        report.insert("rate_limits".into(), limits.collect());
        if let Some(prefix) = &route.strip_prefix {
            report.insert("strip_prefix".into(), (**prefix).into());
        }
        report.insert("forward_authorization".into(), route.forward_authorization.into());
        let headers = explained.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.to_string(), Value::from(value))
        });
        report.insert("headers".into(), Value::Object(headers.collect()));
        if let Some((header, claims)) = asserted {
            report.insert(
                "assertion".into(),
                json!({ "header": header.as_str(), "claims": claims }),
            );
        }
    }
    Value::Object(report)
}

fn humantime(duration: std::time::Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

fn patterns(matched: &Match) -> Value {
    let any = |list: Vec<Value>| {
        if list.is_empty() {
            json!("any")
        } else {
            Value::Array(list)
        }
    };
    json!({
        "host": any(matched.hosts.iter().map(|host| Value::from(&**host)).collect()),
        "path": any(matched.paths.iter().map(|path| Value::from(&**path)).collect()),
        "method": any(matched.methods.iter().map(|method| Value::from(method.as_str())).collect()),
    })
}

/// The origins whose pages may call the route.
fn origins(origins: &Origins) -> Value {
    match origins {
        Origins::Any => "any origin".into(),
        Origins::Listed(listed) => listed
            .iter()
            .map(|origin| String::from_utf8_lossy(origin.as_bytes()))
            .collect(),
    }
}

fn access(route: &Route) -> String {
    match &route.access {
        Access::Public => "public".to_owned(),
        Access::Optional => "optional".to_owned(),
        Access::Policy(policy) => policy.name.to_string(),
    }
}

/// The rule that decided: its index in the policy, from 0 as in the messages of `check`, and its effect.
fn rule(outcome: Outcome, route: &Route) -> Value {
    let index = match outcome {
        Outcome::Allowed(index) | Outcome::Denied(Some(index)) => index,
        Outcome::Denied(None) => return "no rule matches: denied".into(),
        Outcome::StepUp { .. } => return "a rule would allow it after a second factor".into(),
    };
    let effect = match &route.access {
        Access::Policy(policy) => policy.rules.get(index).map(|rule| rule.effect),
        _ => None,
    };
    let effect = match effect {
        Some(Effect::Allow) => "allow",
        Some(Effect::Deny) => "deny",
        None => "",
    };
    json!({ "index": index, "effect": effect })
}

fn finish(args: &Args, report: &Value, passes: bool) -> ExitCode {
    let text = match args.output {
        Format::Json => format!("{report}\n"),
        Format::Table => table(report),
    };
    print(&text);
    if passes { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn table(report: &Value) -> String {
    let mut text = String::new();
    // In the order of the gate's steps, whatever the order of a JSON object.
    for key in [
        "route",
        "upstream",
        "matched",
        "access",
        "cors",
        "rule",
        "decision",
        "status",
        "reason",
        "rate_limits",
        "strip_prefix",
        "forward_authorization",
        "headers",
        "assertion",
    ] {
        let Some(value) = report.get(key) else { continue };
        let label = key.replace('_', " ");
        if key == "headers" {
            for (name, value) in value.as_object().into_iter().flatten() {
                let _ = writeln!(text, "{:<22} {name}: {}", "header", cell(value));
            }
        } else {
            let _ = writeln!(text, "{label:<22} {}", cell(value));
        }
    }
    text
}

fn cell(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name} {}", cell(value)));
            members.collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) if !items.is_empty() => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => super::super::output::text(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_into_what_a_request_carries() {
        assert_eq!(split("https://App.Test:8443/a?b"), Some(("app.test".into(), "/a?b")));
        assert_eq!(split("http://app.test"), Some(("app.test".into(), "/")));
        assert_eq!(split("http://[::1]:80/x"), Some(("[::1]".into(), "/x")));
        for bad in ["/a", "app.test/a", "ftp://app.test/", "https:///a", "http://app.test?x"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
