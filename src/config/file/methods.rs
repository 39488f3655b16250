//! HTTP methods, of routes and of policies.

use http::Method;

use super::super::findings::Findings;
use super::super::path::KeyPath;
use super::super::text::one_or_many::OneOrMany;

/// Reads methods, in upper case; `CONNECT` and `TRACE` never reach a route.
pub(super) fn methods(written: &OneOrMany<String>, at: &KeyPath, findings: &mut Findings) -> Option<Vec<Method>> {
    let mut methods = Vec::new();
    for word in &written.0 {
        let method = Method::from_bytes(word.as_bytes()).ok();
        let method = method.filter(|_| word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-'));
        match method.filter(|method| !matches!(*method, Method::CONNECT | Method::TRACE)) {
            Some(method) if methods.contains(&method) => findings.add(at, format!("{method} is listed twice")),
            Some(method) => methods.push(method),
            None => findings.expected(at, "a method such as GET, in upper case", format_args!("{word:?}")),
        }
    }
    if written.0.is_empty() {
        findings.add(at, "expected at least one method");
    }
    (methods.len() == written.0.len() && !methods.is_empty()).then_some(methods)
}
