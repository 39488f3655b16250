//! An allowed spelling leads to the route that it is allowed on, whatever a server makes of it.

use http::{HeaderMap, Method};
use proptest::{
    prelude::{Strategy, prop_assert, prop_assert_eq, proptest},
    sample::select,
};

use super::{Denial, find};
use crate::gate::{
    denial::Malformed,
    request::Request,
    rules::{Rules, route::Route, spelling::Unusual},
    target::Target,
    testing::{self, cases},
};

const EVERYTHING: Unusual = Unusual {
    encoded_slash: true,
    semicolon: true,
    double_slash: true,
};

fn route(id: &str, path: &str) -> Route {
    Route {
        tolerated: EVERYTHING,
        ..testing::route(id, "", path, &[])
    }
}

fn found(target: &str, rules: &Rules) -> Result<String, Denial> {
    let request = Request {
        method: &Method::GET,
        host: "app.test",
        target: Target::read(target.as_bytes())?,
        headers: &HeaderMap::new(),
        address: [192, 0, 2, 1].into(),
    };
    find(&request, rules).map(|routed| routed.route.id.to_string())
}

/// A public application with a protected part.
fn guarded() -> Rules {
    testing::rules(vec![route("open", "/**"), route("admin", "/admin/**")])
}

#[test]
fn no_order_of_cutting_and_decoding_leads_to_another_route() {
    let rules = guarded();
    for (target, why) in [
        // Tomcat cuts the parameter before it decodes.
        ("/;a%2Fx/admin/users", Malformed::EncodedSlash),
        ("/;%2F/admin", Malformed::EncodedSlash),
        ("/%3B%2Fadmin/x", Malformed::EncodedSlash),
        ("/admin%3Bx", Malformed::Semicolon),
        ("/admin;x", Malformed::Semicolon),
        ("/;/admin", Malformed::Semicolon),
        ("//admin", Malformed::DoubleSlash),
        // Two slashes begin a host for applications that resolve the target as a URL.
        ("//host/admin", Malformed::DoubleSlash),
        ("///host/admin/x", Malformed::DoubleSlash),
        ("/%2Fhost/admin", Malformed::EncodedSlash),
        // Fastify takes what follows a semicolon for the query.
        ("/admin;/../x", Malformed::DotSegment),
        // Servers that compare raw paths do not find the route that the decoded path has.
        ("/%61dmin/x", Malformed::NeedlessEscape),
    ] {
        assert_eq!(found(target, &rules), Err(why.into()), "{target}");
    }
}

#[test]
fn an_allowed_spelling_that_stays_in_its_route_passes() {
    let rules = guarded();
    for (target, route) in [
        ("/a;v=1/b", "open"),
        ("/a%2Fadmin", "open"),
        ("/a//admin", "open"),
        ("//a/b", "open"),
        ("/;a%2Fx/y", "open"),
        ("/%61/b", "open"),
        ("/admin/a;b%2Fc//d", "admin"),
        ("/admin/%61", "admin"),
        ("/caf%C3%A9;x", "open"),
    ] {
        assert_eq!(found(target, &rules).as_deref(), Ok(route), "{target}");
    }
}

#[test]
fn a_path_behind_a_semicolon_may_be_no_path_at_all() {
    let rules = testing::rules(vec![route("open", "/a/**"), route("exact", "/a"), route("rest", "/**")]);
    assert_eq!(
        found("/a;x/b", &rules),
        Err(Malformed::Semicolon.into()),
        "/a;x/b, /a/b or /a"
    );
    assert_eq!(found("/a/b;x/c", &rules).as_deref(), Ok("open"));
}

#[test]
fn no_spelling_leads_to_what_sidegate_answers_itself() {
    let mut rules = guarded();
    rules.routes.reserve("/auth");
    for target in ["//auth/login", "/auth;x/login", "/auth%2Flogin", "//x/auth"] {
        assert!(found(target, &rules).is_err(), "{target}");
    }
    assert_eq!(found("//authors", &rules).as_deref(), Ok("open"));
}

#[test]
fn what_is_left_without_a_prefix_is_judged_too() {
    let stripped = Route {
        strip_prefix: Some("/wiki".into()),
        ..route("wiki", "/wiki/**")
    };
    let rules = testing::rules(vec![stripped, route("admin", "/wiki/admin/**"), route("rest", "/**")]);
    for (target, why) in [
        ("/wiki//host/x", Malformed::DoubleSlash),
        ("/wiki//", Malformed::DoubleSlash),
        // The application would take `//host/admin` for a host and a path.
        ("/wiki/%2Fhost/admin", Malformed::EncodedSlash),
        ("/wiki/;/host/admin", Malformed::Semicolon),
        ("/wiki;x/a", Malformed::Semicolon),
        ("/%77iki/a", Malformed::NeedlessEscape),
    ] {
        assert_eq!(found(target, &rules), Err(why.into()), "{target}");
    }
    for target in ["/wiki", "/wiki/", "/wiki/a//b", "/wiki/a;x", "/wiki/a%2Fb", "/wiki/%61"] {
        assert_eq!(found(target, &rules).as_deref(), Ok("wiki"), "{target}");
    }
}

/// What a server makes of a target.
type Reads = fn(&str) -> String;

/// How servers find a path in a target; `docs/paths.md` has the sources.
const SERVERS: [(&str, Reads); 9] = [
    ("Tomcat", |path| merged(&decoded(&cut(path)))),
    ("Jetty", |path| decoded(&cut(path))),
    ("Undertow", |path| {
        merged(&cut(path).replace("%3B", ";").replace("%61", "a"))
    }),
    ("Spring before 3.1", |path| until_semicolon(&decoded(path))),
    ("nginx", |path| merged(&decoded(path))),
    ("nginx in front of Tomcat", |path| merged(&cut(&merged(&decoded(path))))),
    ("WSGI", decoded),
    ("Fastify", until_semicolon),
    ("Express, Puma", str::to_owned),
];

fn cut(path: &str) -> String {
    let names = path.split('/').map(until_semicolon);
    names.collect::<Vec<_>>().join("/")
}

fn until_semicolon(text: &str) -> String {
    text.split(';').next().unwrap_or_default().to_owned()
}

fn decoded(path: &str) -> String {
    path.replace("%2F", "/").replace("%3B", ";").replace("%61", "a")
}

fn merged(path: &str) -> String {
    let mut path = path.to_owned();
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    path
}

fn target() -> impl Strategy<Value = String> {
    const PARTS: &[&str] = &["/", "/", "%2F", ";", "%3B", "a", "b", "%61", "/a", "/b", "/a/b"];
    proptest::collection::vec(select(PARTS), 1..8).prop_map(|parts| format!("/{}", parts.concat()))
}

/// Some of all routes with two segments of two names.
fn table() -> impl Strategy<Value = Rules> {
    const PATHS: &[&str] = &[
        "/a", "/b", "/a/**", "/b/**", "/a/b", "/b/a", "/a/b/**", "/*/b", "/a/*", "/*/*/a",
    ];
    proptest::sample::subsequence(PATHS, 0..PATHS.len()).prop_map(|paths| {
        let routes = paths.iter().map(|path| route(path, path));
        testing::rules(routes.chain([route("/**", "/**")]).collect())
    })
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_target_that_passes_has_one_route_on_every_server(target in target(), rules in table()) {
        let Ok(passed) = found(&target, &rules) else { return Ok(()) };
        for (server, reads) in SERVERS {
            let path = reads(&target);
            let served = rules.routes.find("app.test", &path, &Method::GET).unwrap();
            prop_assert_eq!(&*served.id, &passed, "{} serves {}", server, path);
        }
    }

    #[test]
    fn a_target_without_a_protected_name_passes(parts in target()) {
        let target = parts.replace('b', "c");
        let rules = testing::rules(vec![route("open", "/**"), route("locked", "/b/**")]);
        prop_assert!(found(&target, &rules).is_ok(), "refused for nothing");
    }
}
