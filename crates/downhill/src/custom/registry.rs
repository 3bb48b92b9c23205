//! The custom optimizers that config files may name.

use alloc::string::String;
use alloc::vec::Vec;
use core::any::TypeId;
use core::fmt;
use core::marker::PhantomData;
use std::sync::{PoisonError, RwLock};

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use super::{CustomConfig, CustomSettings};

#[derive(Clone, Copy)]
struct Entry {
    name: &'static str,
    id: TypeId,
    read: fn(&mut dyn erased_serde::Deserializer<'_>) -> erased_serde::Result<CustomSettings>,
    #[cfg_attr(not(feature = "schema"), allow(dead_code, reason = "for the schema"))]
    schema: fn() -> Value,
}

static ENTRIES: RwLock<Vec<Entry>> = RwLock::new(Vec::new());

fn entries() -> Vec<Entry> {
    let entries = ENTRIES.read();
    entries.unwrap_or_else(PoisonError::into_inner).clone()
}

/// Registers a custom optimizer, unless one of the crate's own has its name.
pub(crate) fn register<C: CustomConfig>(is_built_in: bool) -> Result<(), RegisterError> {
    let name = C::NAME;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(fits) {
        return Err(RegisterError::Name { name });
    }
    let mut entries = ENTRIES.write().unwrap_or_else(PoisonError::into_inner);
    let id = TypeId::of::<C>();
    match entries.iter().find(|entry| entry.name == name) {
        Some(entry) if entry.id == id => return Ok(()),
        Some(_) => return Err(RegisterError::Taken { name }),
        None => {}
    }
    if is_built_in {
        return Err(RegisterError::Taken { name });
    }
    entries.push(Entry {
        name,
        id,
        read: |settings| erased_serde::deserialize::<C>(settings).map(CustomSettings::new),
        schema: C::schema,
    });
    Ok(())
}

/// Returns the names of the registered optimizers, in the order of their registration.
pub(crate) fn registered() -> Vec<&'static str> {
    entries().iter().map(|entry| entry.name).collect()
}

/// Why an optimizer was not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name cannot be a key.
    #[error(
        "an optimizer cannot be called `{name}`: its name must be made of lower-case letters, \
         digits and hyphens, a letter first"
    )]
    Name {
        /// The name.
        name: &'static str,
    },
    /// Another optimizer has the name.
    #[error("an optimizer cannot be called `{name}`: another one has this name")]
    Taken {
        /// The name.
        name: &'static str,
    },
}

/// Adds the registered optimizers to the schema of all optimizers.
#[cfg(feature = "schema")]
pub(crate) fn add_to_schema(schema: &mut schemars::Schema) {
    let Some(Value::Array(choices)) = schema.get_mut("oneOf") else {
        return;
    };
    for Entry { name, schema, .. } in entries() {
        choices.push(serde_json::json!({
            "type": "object",
            "properties": { name: schema() },
            "required": [name],
            "additionalProperties": false,
        }));
    }
}

/// An enum of optimizers, to which the registered ones are added.
pub(crate) trait Extensible: Sized {
    /// Reads one of the enum's own.
    fn built_in<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;

    fn custom(settings: CustomSettings) -> Self;
}

/// Reads one of the enum's own optimizers, or a registered one.
pub(crate) fn read_extended<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Extensible,
    D: Deserializer<'de>,
{
    // The enum's own errors tell the place in a file more exactly.
    if entries().is_empty() {
        return T::built_in(deserializer);
    }
    deserializer.deserialize_enum("OptimizerConfig", &[], ByName(PhantomData))
}

struct ByName<T>(PhantomData<T>);

impl<'de, T: Extensible> Visitor<'de> for ByName<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an optimizer with its settings")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<T, A::Error> {
        let (name, variant) = access.variant::<String>()?;
        let Some(entry) = entries().into_iter().find(|entry| entry.name == name) else {
            return T::built_in(Named { name, variant });
        };
        variant.newtype_variant_seed(entry).map(T::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Entry {
    type Value = CustomSettings;

    fn deserialize<D: Deserializer<'de>>(self, settings: D) -> Result<CustomSettings, D::Error> {
        let settings = &mut <dyn erased_serde::Deserializer<'_>>::erase(settings);
        (self.read)(settings).map_err(|error| {
            let text = error.to_string();
            // toml 1.2 adds the key, which it will add once more.
            D::Error::custom(text.split("\nin `").next().unwrap_or(&text))
        })
    }
}

/// A variant whose name has been read.
struct Named<A> {
    name: String,
    variant: A,
}

impl<'de, A: VariantAccess<'de>> Deserializer<'de> for Named<A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

impl<'de, A: VariantAccess<'de>> EnumAccess<'de> for Named<A> {
    type Error = A::Error;
    type Variant = A;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, A), A::Error> {
        let name: StringDeserializer<A::Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.variant))
    }
}
