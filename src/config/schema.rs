//! The JSON Schema of the file, for editors: generated from the types that read it, so that the two cannot differ.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use serde_json::{Value, json};

use super::file::File;

/// The schema that `sidegate config schema` prints, which is also in `config/schema.json`.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(as_written);
    let generator = settings.into_generator();
    let schema = generator.into_root_schema_for::<File>();
    schema.to_value()
}

/// Adapts a schema to what is accepted: no nulls, and `${VAR}` for any scalar.
fn as_written(schema: &mut Schema) {
    // Inner schemas first: what is added here must not be adapted again.
    transform_subschemas(&mut as_written, schema);
    drop_null(schema);
    require(schema);
    let Some(object) = schema.as_object_mut() else { return };
    let variable = json!({ "type": "string", "pattern": r"\$\{" });
    if let Some(pattern) = object.get("pattern").and_then(Value::as_str) {
        if !pattern.contains(r"\$\{") {
            let either = format!(r"{pattern}|\$\{{");
            object.insert("pattern".to_owned(), either.into());
        }
        return;
    }
    let is_scalar = object
        .get("type")
        .and_then(Value::as_str)
        .is_some_and(|kind| ["integer", "number", "boolean"].contains(&kind));
    if is_scalar || object.contains_key("enum") {
        let plain = ["type", "enum", "format", "minimum", "maximum"]
            .into_iter()
            .filter_map(|key| object.remove(key).map(|value| (key.to_owned(), value)))
            .collect::<serde_json::Map<_, _>>();
        object.insert("anyOf".to_owned(), json!([plain, variable]));
    } else if let Some(Value::Array(variants)) = object.get_mut("oneOf")
        && variants.iter().all(|variant| variant.get("const").is_some())
    {
        variants.push(variable);
    }
}

/// Moves the mark of required keys to `required`. serde does not know them: see `File`.
fn require(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    let Some(Value::Object(properties)) = object.get_mut("properties") else {
        return;
    };
    let mut required = Vec::new();
    for (key, property) in properties {
        if property
            .as_object_mut()
            .and_then(|property| property.remove("x-required"))
            .is_some()
        {
            required.push(Value::from(key.as_str()));
        }
    }
    if !required.is_empty() {
        object.insert("required".to_owned(), required.into());
    }
}

fn drop_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(kinds)) = object.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(variants)) = object.get_mut("anyOf") {
        variants.retain(|variant| *variant != json!({ "type": "null" }));
    }
}

/// The schema as text with a line break at the end, byte for byte as in `config/schema.json`.
pub fn schema_text() -> String {
    let mut text = serde_json::to_string_pretty(&schema()).expect("a JSON value can always be written");
    text.push('\n');
    text
}
