//! The description of the API (`OpenAPI` 3.1), made from the handlers: what is not annotated is not served.

use utoipa::OpenApi;
use utoipa::openapi;

use super::problem::ProblemBody;

#[derive(OpenApi)]
#[openapi(
    info(title = "Sidegate", description = "Accounts, sessions and tokens."),
    components(schemas(ProblemBody))
)]
struct Document;

/// What the description says before any endpoint.
pub(super) fn base() -> openapi::OpenApi {
    Document::openapi()
}
