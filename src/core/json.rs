//! Reading JSON from others, where an object must be written as an object.
//!
//! serde also fills a struct from an array, member by member. `["EdDSA","pat+jwt",…]` would pass as
//! a token's header, but another library, or a check by member name, would read something else. So
//! input is read by [`read`], and objects inside it as [`Object`].

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::{fmt, marker::PhantomData};

/// Reads a text that is one JSON object.
///
/// # Errors
/// The text is not JSON, not an object, or not a `T`.
pub fn read<'de, T: Deserialize<'de>>(json: &'de [u8]) -> serde_json::Result<T> {
    serde_json::from_slice(json).map(|Object(value)| value)
}

/// Reads a member that is an object: `#[serde(deserialize_with = "json::object")]`.
///
/// # Errors
/// The value is not an object, or not a `T`.
pub fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<T, D::Error> {
    Object::deserialize(deserializer).map(|Object(value)| value)
}

/// A value that is read only from an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

/// Names and texts, as the members of an object: `#[serde(with = "json::members")]`. For a few of
/// them, a map is more code than the browser should load.
pub mod members {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::collections::BTreeMap;

    /// # Errors
    /// As the serializer.
    pub fn serialize<S: Serializer>(
        members: &[(String, String)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(members.iter().map(|(name, text)| (name, text)))
    }

    /// # Errors
    /// The value is not an object, or one of its members not a text.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, String)>, D::Error> {
        BTreeMap::deserialize(deserializer).map(|members| members.into_iter().collect())
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        http::api::{CreateToken, DevSignIn, RevokeTokens},
        jose::{keys::KeySet, status_list::ListClaims},
        token::Claims,
    };

    type Reads = fn(&str) -> bool;

    fn reads<T: DeserializeOwned>(text: &str) -> bool {
        read::<T>(text.as_bytes()).is_ok()
    }

    fn reads_keys(text: &str) -> bool {
        KeySet::from_jwks(text).is_ok()
    }

    /// The values are in the order of the struct's members, which serde would accept.
    #[test]
    fn read_rejects_an_array_wherever_an_object_is_meant() {
        const KEY: &str = r#""OKP","Ed25519","11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;
        let claims = |status: &str| {
            format!(
                r#"{{"iss":"i","aud":"i","sub":"ada","org":["a"],"jti":"t","iat":1,"exp":2,"status":{status}}}"#
            )
        };
        let list = |packed: &str| {
            format!(r#"{{"sub":"u","iat":1,"exp":2,"ttl":3,"version":4,"status_list":{packed}}}"#)
        };
        let key =
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let status = r#"{"status_list":{"idx":1,"uri":"u"}}"#;
        let packed = r#"{"bits":2,"lst":"x"}"#;
        let cases: [(Reads, String, bool); 16] = [
            (reads::<Claims>, claims(status), true),
            (reads::<Claims>, claims(r#"[{"idx":1,"uri":"u"}]"#), false),
            (reads::<Claims>, claims(r#"{"status_list":[1,"u"]}"#), false),
            (
                reads::<Claims>,
                format!(r#"["i","i","ada",["a"],"t",1,null,2,null,{status}]"#),
                false,
            ),
            (reads::<ListClaims>, list(packed), true),
            (reads::<ListClaims>, list(r#"[2,"x",null]"#), false),
            (
                reads::<ListClaims>,
                format!(r#"["u",1,2,3,4,{packed}]"#),
                false,
            ),
            (reads_keys, format!(r#"{{"keys":[{key}]}}"#), true),
            (
                reads_keys,
                format!(r#"{{"keys":[[{KEY},null,null,null,null,null]]}}"#),
                false,
            ),
            (reads_keys, format!("[[{key}]]"), false),
            (
                reads::<CreateToken>,
                r#"["n",30,["acme"],["uns:read"]]"#.to_owned(),
                false,
            ),
            (reads::<RevokeTokens>, "[[],true]".to_owned(), false),
            (reads::<RevokeTokens>, r#"{"all":true}"#.to_owned(), true),
            (reads::<DevSignIn>, r#"["ada"]"#.to_owned(), false),
            (reads::<DevSignIn>, r#"{"user":"ada"}"#.to_owned(), true),
            (reads::<DevSignIn>, r#"{"user":"ada"} []"#.to_owned(), false),
        ];
        for (reads, text, expected) in cases {
            assert_eq!(reads(&text), expected, "{text}");
        }
    }
}
