//! Schemas of types, as the two documents want them: AsyncAPI takes JSON Schema draft 7, OpenAPI 3.1 takes 2020-12.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value};

/// Where both documents keep what several places share.
const SHARED: &str = "/components/schemas";

/// Which JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Draft 7.
    Draft7,
    /// Draft 2020-12.
    Draft2020,
}

/// The schemas of one document: of what we send, and of what we take.
pub struct Schemas {
    sent: SchemaGenerator,
    taken: SchemaGenerator,
}

impl Schemas {
    /// None yet.
    pub fn new(dialect: Dialect) -> Schemas {
        let settings = || {
            let settings = match dialect {
                Dialect::Draft7 => SchemaSettings::draft07(),
                Dialect::Draft2020 => SchemaSettings::draft2020_12(),
            };
            settings.with(|settings| {
                settings.definitions_path = SHARED.into();
                settings.meta_schema = None;
            })
        };
        let settings = || settings().with_transform(RecursiveTransform(reword));
        let closed = settings().for_serialize().with_transform(RecursiveTransform(close));
        Schemas { sent: closed.into_generator(), taken: settings().for_deserialize().into_generator() }
    }

    /// Of what we send: every key is there, and no other.
    pub fn sent(&mut self, shape: impl FnOnce(&mut SchemaGenerator) -> Schema) -> Value {
        finished(&mut self.sent, shape)
    }

    /// Of what we take: some keys may be left out, and unless the type says otherwise others are ignored.
    pub fn taken(&mut self, shape: impl FnOnce(&mut SchemaGenerator) -> Schema) -> Value {
        finished(&mut self.taken, shape)
    }

    /// What several places share, by name.
    pub fn shared(mut self) -> Map<String, Value> {
        let mut shared = self.taken.take_definitions(true);
        shared.append(&mut self.sent.take_definitions(true));
        shared
    }
}

/// The schema of a type itself, not a reference to it.
pub fn inline<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}

fn finished(generator: &mut SchemaGenerator, shape: impl FnOnce(&mut SchemaGenerator) -> Schema) -> Value {
    let mut schema = shape(generator);
    for transform in generator.transforms_mut() {
        transform.transform(&mut schema);
    }
    schema.to_value()
}

/// Makes a sentence for readers of the document of one that was written for readers of the sources.
fn reword(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace("[`", "`").replace("`]", "`").replace('\n', " ");
    }
}

/// Says of an object whose keys are listed that it has no others.
fn close(schema: &mut Schema) {
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}
