//! The route table: a trie of path segments per host, so that ten thousand routes cost a request no more than ten.

use std::{collections::HashMap, fmt, sync::Arc};

use http::Method;

use super::route::Route;

/// The table of all routes.
#[derive(Debug, Default)]
pub struct Table {
    exact: HashMap<Box<str>, Node>,
    /// `*.example.com` under the key `example.com`.
    below: HashMap<Box<str>, Node>,
    any: Node,
    routes: Vec<Arc<Route>>,
    reserved: Vec<Box<str>>,
}

/// The error for two routes that match the same requests, so that their order would decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The route that came first.
    pub first: Arc<str>,
    /// The route that cannot be added.
    pub second: Arc<str>,
    /// The pattern that both match.
    pub pattern: String,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "routes `{}` and `{}` both match {}",
            self.first, self.second, self.pattern
        )
    }
}

#[derive(Debug, Default)]
struct Node {
    literal: HashMap<Box<str>, Node>,
    wild: Option<Box<Node>>,
    here: Vec<Arc<Route>>,
    rest: Vec<Arc<Route>>,
}

impl Table {
    /// Adds a route.
    ///
    /// # Errors
    /// When another route matches exactly the same host, path and method.
    pub fn insert(&mut self, route: Arc<Route>) -> Result<(), Conflict> {
        let any_host = [Box::from("")];
        let any_path = [Box::from("/**")];
        let hosts = if route.matches.hosts.is_empty() {
            &any_host[..]
        } else {
            &route.matches.hosts[..]
        };
        let paths = if route.matches.paths.is_empty() {
            &any_path[..]
        } else {
            &route.matches.paths[..]
        };
        for host in hosts {
            let root = match (host.as_ref(), host.strip_prefix("*.")) {
                ("", _) => &mut self.any,
                (_, Some(parent)) => self.below.entry(parent.into()).or_default(),
                (name, None) => self.exact.entry(name.into()).or_default(),
            };
            for path in paths {
                root.insert(path, &route).map_err(|first| Conflict {
                    first,
                    second: route.id.clone(),
                    pattern: format!("{host}{path}"),
                })?;
            }
        }
        self.routes.push(route);
        Ok(())
    }

    /// The most specific route of a request, if any. `host` is in lower case without port.
    pub fn find(&self, host: &str, path: &str, method: &Method) -> Option<&Arc<Route>> {
        let path = path.strip_prefix('/')?;
        let exact = self.exact.get(host).and_then(|node| node.find(Some(path), method));
        exact
            .or_else(|| self.find_below(host, path, method))
            .or_else(|| self.any.find(Some(path), method))
    }

    fn find_below(&self, host: &str, path: &str, method: &Method) -> Option<&Arc<Route>> {
        if self.below.is_empty() {
            return None;
        }
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(route) = self.below.get(parent).and_then(|node| node.find(Some(path), method)) {
                return Some(route);
            }
            rest = parent;
        }
        None
    }

    /// Reserves a path and all paths below it, which Sidegate answers itself before it looks for a route.
    pub fn reserve(&mut self, path: &str) {
        self.reserved.push(path.into());
    }

    /// Whether Sidegate answers this path itself. No spelling may lead an application there: what it serves at such a
    /// path nobody can reach otherwise.
    pub fn is_reserved(&self, path: &str) -> bool {
        self.reserved.iter().any(|reserved| {
            path.strip_prefix(&**reserved)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// All routes, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.iter()
    }
}

impl Node {
    /// `Err` is the route that matches the same requests.
    fn insert(&mut self, path: &str, route: &Arc<Route>) -> Result<(), Arc<str>> {
        let mut node = self;
        let mut segments = path.trim_start_matches('/').split('/').peekable();
        while let Some(segment) = segments.next() {
            match segment {
                "**" => return add(&mut node.rest, route),
                "*" => node = node.wild.get_or_insert_default(),
                // A trailing slash is not a segment: most servers treat `/healthz/` like `/healthz`.
                "" if segments.peek().is_none() => {}
                literal => node = node.literal.entry(literal.into()).or_default(),
            }
        }
        add(&mut node.here, route)
    }

    /// `rest` is the path after this node's slash; `None` if there is none.
    fn find(&self, rest: Option<&str>, method: &Method) -> Option<&Arc<Route>> {
        let deeper = match rest {
            None | Some("") => pick(&self.here, method),
            Some(rest) => {
                let (segment, rest) = match rest.split_once('/') {
                    Some((segment, rest)) => (segment, Some(rest)),
                    None => (rest, None),
                };
                let literal = self.literal.get(segment).and_then(|node| node.find(rest, method));
                literal.or_else(|| self.wild.as_ref().filter(|_| !segment.is_empty())?.find(rest, method))
            }
        };
        deeper.or_else(|| pick(&self.rest, method))
    }
}

/// A route that lists the method is preferred to one for any method.
fn pick<'a>(routes: &'a [Arc<Route>], method: &Method) -> Option<&'a Arc<Route>> {
    let named = routes.iter().find(|route| route.matches.methods.contains(method));
    named.or_else(|| routes.iter().find(|route| route.matches.methods.is_empty()))
}

fn add(routes: &mut Vec<Arc<Route>>, route: &Arc<Route>) -> Result<(), Arc<str>> {
    let mine = &route.matches.methods;
    let overlaps =
        |theirs: &[Method]| (mine.is_empty() && theirs.is_empty()) || mine.iter().any(|m| theirs.contains(m));
    if let Some(other) = routes.iter().find(|other| overlaps(&other.matches.methods)) {
        return Err(other.id.clone());
    }
    routes.push(Arc::clone(route));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::testing::route;

    fn table(routes: &[(&str, &str, &str)]) -> Table {
        let mut table = Table::default();
        for (id, host, path) in routes {
            table.insert(Arc::new(route(id, host, path, &[]))).unwrap();
        }
        table
    }

    fn found<'a>(table: &'a Table, host: &str, path: &str) -> Option<&'a str> {
        table.find(host, path, &Method::GET).map(|route| &*route.id)
    }

    #[test]
    fn paths_are_compared_at_slashes() {
        let table = table(&[("public", "", "/public/**"), ("rest", "", "/**")]);
        for path in ["/public", "/public/", "/public/a", "/public/a/b/"] {
            assert_eq!(found(&table, "h", path), Some("public"), "{path}");
        }
        for path in ["/publicity", "/publi", "/a/public", "/", "/Public"] {
            assert_eq!(found(&table, "h", path), Some("rest"), "{path}");
        }
    }

    #[test]
    fn the_most_specific_path_wins_whatever_the_order() {
        let table = table(&[
            ("tree", "", "/a/**"),
            ("star", "", "/a/*/c"),
            ("exact", "", "/a/b/c"),
            ("deep", "", "/a/b/**"),
        ]);
        assert_eq!(found(&table, "h", "/a/b/c"), Some("exact"));
        assert_eq!(found(&table, "h", "/a/b/d"), Some("deep"));
        assert_eq!(found(&table, "h", "/a/x/c"), Some("star"));
        assert_eq!(found(&table, "h", "/a/x/d"), Some("tree"));
        assert_eq!(
            found(&table, "h", "/a//c"),
            Some("tree"),
            "a star is not an empty segment"
        );
    }

    #[test]
    fn an_exact_path_covers_its_trailing_slash_and_nothing_below() {
        let table = table(&[("healthz", "", "/healthz")]);
        assert_eq!(found(&table, "h", "/healthz/"), Some("healthz"));
        assert_eq!(found(&table, "h", "/healthz/x"), None);
        assert_eq!(found(&table, "h", "/healthz//"), None);
    }

    #[test]
    fn an_exact_host_goes_before_a_wildcard_before_any() {
        let table = table(&[
            ("any", "", "/**"),
            ("below", "*.example.com", "/**"),
            ("deep", "*.a.example.com", "/**"),
            ("exact", "a.example.com", "/x"),
        ]);
        assert_eq!(found(&table, "a.example.com", "/x"), Some("exact"));
        assert_eq!(
            found(&table, "a.example.com", "/y"),
            Some("below"),
            "falls through when the host's own routes do not match"
        );
        assert_eq!(found(&table, "b.a.example.com", "/"), Some("deep"));
        assert_eq!(
            found(&table, "example.com", "/"),
            Some("any"),
            "a wildcard does not cover the name itself"
        );
        assert_eq!(found(&table, "evilexample.com", "/"), Some("any"));
    }

    #[test]
    fn a_method_that_a_route_does_not_name_falls_through() {
        let mut table = table(&[("all", "", "/**")]);
        table
            .insert(Arc::new(route("write", "", "/api/**", &[Method::POST])))
            .unwrap();
        assert_eq!(table.find("h", "/api/x", &Method::POST).unwrap().id.as_ref(), "write");
        assert_eq!(table.find("h", "/api/x", &Method::GET).unwrap().id.as_ref(), "all");
    }

    #[test]
    fn two_routes_for_the_same_requests_are_a_conflict() {
        let mut table = table(&[("one", "h", "/a/")]);
        let conflict = table.insert(Arc::new(route("two", "h", "/a", &[]))).unwrap_err();
        assert_eq!(conflict.to_string(), "routes `one` and `two` both match h/a");
        table
            .insert(Arc::new(route("three", "h", "/a", &[Method::GET])))
            .expect("a method is more specific");
    }

    #[test]
    fn what_is_reserved_ends_at_a_slash() {
        let mut table = table(&[("all", "", "/**")]);
        table.reserve("/auth");
        for path in ["/auth", "/auth/", "/auth/login"] {
            assert!(table.is_reserved(path), "{path}");
        }
        for path in ["/authors", "/", "/a/auth"] {
            assert!(!table.is_reserved(path), "{path}");
        }
    }

    #[test]
    fn a_target_that_is_not_a_path_finds_nothing() {
        assert!(table(&[("all", "", "/**")]).find("h", "*", &Method::OPTIONS).is_none());
    }
}
