//! What the documents say of one route beside its path and methods: who may use it, what it takes and what it gives.

use schemars::{JsonSchema, Schema, SchemaGenerator};

/// The shape of a JSON document.
pub type Shape = fn(&mut SchemaGenerator) -> Schema;

/// The shape of a type.
pub fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// What a route is like.
pub struct Operation {
    /// Who may use it.
    pub access: Access,
    /// What may stand behind the `?`: name and meaning.
    pub query: &'static [(&'static str, &'static str)],
    /// The body it takes, if any.
    pub takes: Option<Takes>,
    /// Every good answer.
    pub gives: &'static [Gives],
    /// What can go wrong beside what follows from the rest: status and meaning.
    pub fails: &'static [(u16, &'static str)],
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Anyone,
    /// Everybody where the feeds are open, else whoever may read.
    Reader,
    /// Whoever has a token of any role.
    Holder,
    /// Whoever has the token of an operator, or for some actions of an admin.
    Operator,
}

/// A body.
pub struct Takes {
    /// What it says.
    pub about: &'static str,
    /// Its shape.
    pub shape: Shape,
    /// Whether there has to be one.
    pub presence: Presence,
}

/// Whether a body has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has to.
    Required,
    /// It may be left out.
    Optional,
}

/// An answer that is none of an error.
pub struct Gives {
    /// Its status.
    pub status: u16,
    /// What it says.
    pub about: &'static str,
    /// Its body, if it has one.
    pub body: Body,
}

/// The body of an answer.
pub enum Body {
    /// There is none.
    Nothing,
    /// JSON of this shape.
    Json(Shape),
    /// Something else, of this type.
    Other(&'static str),
}

impl Operation {
    /// What everybody may read and nothing can go wrong with.
    pub const fn read(gives: &'static [Gives]) -> Operation {
        Operation { access: Access::Anyone, query: &[], takes: None, gives, fails: &[] }
    }
}

impl Gives {
    /// 200 with JSON of this shape.
    pub const fn json(about: &'static str, shape: Shape) -> Gives {
        Gives { status: 200, about, body: Body::Json(shape) }
    }

    /// 200 with something of this type.
    pub const fn other(about: &'static str, media: &'static str) -> Gives {
        Gives { status: 200, about, body: Body::Other(media) }
    }
}
