//! Token Status List (draft-ietf-oauth-status-list-21).
//!
//! A list is an array of small numbers, one per token: here two bits and 2^17 entries, 32 KiB. It
//! is published zlib-compressed in a signed JWT, so that anyone can check Patrol's tokens with the
//! key set and an existing library. A list only states what was true when it was signed; what
//! keeps it fresh at the edge is in [`crate::revocation`].

use crate::{
    jose::{
        VerifySignature,
        jws::{self, Unverified},
        keys::KeySet,
        signing::SigningKey,
    },
    json,
    routes::Paths,
    time::{Timestamp, numeric},
};
use base64ct::{Base64UrlUnpadded, Encoding};
use miniz_oxide::{deflate::compress_to_vec_zlib, inflate::decompress_to_vec_zlib_with_limit};
use serde::{Deserialize, Serialize};

/// Entries per list.
pub const LIST_SIZE: u32 = 1 << 17;

/// The `typ` of a signed list (section 5.1).
pub const TYPE: &str = "statuslist+jwt";

/// The longest signed list that is parsed, in bytes: room for 32 KiB that do not compress.
pub const MAX_SIGNED_LENGTH: usize = 64 * 1024;

/// The status of one token (section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub enum Status {
    /// 0x00
    Valid,
    /// 0x01: revoked permanently.
    Invalid,
    /// 0x02: temporarily unusable.
    Suspended,
    /// Any other value. They are reserved for applications; Patrol writes none.
    Other(u8),
}

impl From<u8> for Status {
    fn from(value: u8) -> Self {
        match value {
            0 => Self::Valid,
            1 => Self::Invalid,
            2 => Self::Suspended,
            other => Self::Other(other),
        }
    }
}

impl From<Status> for u8 {
    fn from(status: Status) -> Self {
        match status {
            Status::Valid => 0,
            Status::Invalid => 1,
            Status::Suspended => 2,
            Status::Other(value) => value,
        }
    }
}

/// Bits per entry (section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Bits {
    /// VALID or INVALID.
    One,
    /// Adds SUSPENDED. Patrol's lists have two bits.
    Two,
    /// Adds application-specific values.
    Four,
    /// One byte per entry.
    Eight,
}

impl Bits {
    const fn count(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// Byte index, shift and mask of an entry.
    fn locate(self, idx: u32) -> (usize, u32, u8) {
        let per_byte = 8 / u32::from(self.count());
        let shift = idx % per_byte * u32::from(self.count());
        (
            (idx / per_byte) as usize,
            shift,
            u8::MAX >> (8 - self.count()),
        )
    }
}

impl TryFrom<u8> for Bits {
    type Error = &'static str;
    fn try_from(count: u8) -> Result<Self, Self::Error> {
        Ok(match count {
            1 => Self::One,
            2 => Self::Two,
            4 => Self::Four,
            8 => Self::Eight,
            _ => return Err("bits must be 1, 2, 4 or 8"),
        })
    }
}

impl From<Bits> for u8 {
    fn from(bits: Bits) -> Self {
        bits.count()
    }
}

/// An array of statuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusList {
    bits: Bits,
    bytes: Vec<u8>,
}

/// Why a `lst` was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// Not base64url without padding.
    Base64,
    /// Not zlib, or it inflates beyond the cap.
    Zlib,
}

impl StatusList {
    /// Creates a list of at least `size` entries, all VALID.
    pub fn new(bits: Bits, size: u32) -> Self {
        let per_byte = 8 / u32::from(bits.count());
        Self {
            bits,
            bytes: vec![0; size.div_ceil(per_byte) as usize],
        }
    }

    /// Creates a list of Patrol's shape: two bits, [`LIST_SIZE`] entries.
    pub fn all_valid() -> Self {
        Self::new(Bits::Two, LIST_SIZE)
    }

    /// The length of the uncompressed array, in bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the list has no entries.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the status of an entry, or `None` beyond the end.
    pub fn get(&self, idx: u32) -> Option<Status> {
        let (byte, shift, mask) = self.bits.locate(idx);
        let value = self.bytes.get(byte)? >> shift & mask;
        Some(Status::from(value))
    }

    /// Sets an entry. Returns `false` beyond the end. Bits that do not fit are cut.
    pub fn set(&mut self, idx: u32, status: Status) -> bool {
        let (byte, shift, mask) = self.bits.locate(idx);
        let Some(byte) = self.bytes.get_mut(byte) else {
            return false;
        };
        *byte = *byte & !(mask << shift) | (u8::from(status) & mask) << shift;
        true
    }

    /// Takes over the revocations of another list and, if that list is `newer`, its other statuses.
    /// Entries that are revoked here stay revoked. Both lists must have the shape of
    /// [`Self::all_valid`]; otherwise nothing changes. Four entries are merged at a time.
    pub fn merge(&mut self, other: &Self, newer: bool) {
        if self.bits != Bits::Two || other.bits != Bits::Two {
            return;
        }
        // Both bits of each entry that is 01.
        let revoked = |byte: u8| {
            let low = byte & !(byte >> 1) & 0b0101_0101;
            low | low << 1
        };
        let all = if newer { u8::MAX } else { 0 };
        for (ours, theirs) in self.bytes.iter_mut().zip(&other.bytes) {
            let taken = (all | revoked(*theirs)) & !revoked(*ours);
            *ours = *ours & !taken | *theirs & taken;
        }
    }

    /// Writes the `lst` member: zlib, then base64url (section 4.2).
    pub fn encode(&self) -> String {
        Base64UrlUnpadded::encode_string(&compress_to_vec_zlib(&self.bytes, 9))
    }

    /// Reads a `lst` member. `cap` bounds the inflated bytes, because a few hundred bytes of zlib
    /// can inflate to a megabyte.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bits: Bits, lst: &str, cap: usize) -> Result<Self, DecodeError> {
        let packed = Base64UrlUnpadded::decode_vec(lst).map_err(|_| DecodeError::Base64)?;
        let bytes =
            decompress_to_vec_zlib_with_limit(&packed, cap).map_err(|_| DecodeError::Zlib)?;
        Ok(Self { bits, bytes })
    }

    /// Reads a `lst` member of Patrol's shape. Returns `None` for any other shape, because such a
    /// list would lack some tokens.
    pub fn decode_full_size(bits: Bits, lst: &str) -> Option<Self> {
        let cap = Self::all_valid().bytes.len();
        let read = Self::decode(bits, lst, cap).ok()?;
        (bits == Bits::Two && read.bytes.len() == cap).then_some(read)
    }
}

/// A list's registry, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StatusListId {
    /// The registry's number.
    pub registry: u16,
    /// The list's number in the registry, from 0.
    pub list: u32,
}

impl StatusListId {
    /// The list's path below the prefix, and its key in KV.
    pub fn path(self) -> String {
        format!("{FOLDER}{}/{}", self.registry, self.list)
    }

    /// The list's `uri`.
    pub fn uri(self, paths: &Paths) -> String {
        paths.url_of(&self.path())
    }

    /// Parses a path, in exactly the spelling of [`Self::path`].
    pub fn from_path(path: &str) -> Option<Self> {
        let (registry, list) = path.strip_prefix(FOLDER)?.split_once('/')?;
        let id = Self {
            registry: registry.parse().ok()?,
            list: list.parse().ok()?,
        };
        (id.path() == path).then_some(id)
    }

    /// Parses a `uri` of this installation.
    pub fn from_uri(paths: &Paths, uri: &str) -> Option<Self> {
        Self::from_path(uri.strip_prefix(paths.base_url())?)
    }
}

/// A token's list, and its index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReference {
    /// The list.
    pub list: StatusListId,
    /// The index, less than [`LIST_SIZE`].
    pub idx: u32,
}

/// The claims of a signed list (section 5.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListClaims {
    /// The list's own `uri`.
    pub sub: String,
    /// When it was signed.
    #[serde(with = "numeric")]
    pub iat: Timestamp,
    /// When it expires.
    #[serde(with = "numeric")]
    pub exp: Timestamp,
    /// How long a holder should cache it, in seconds.
    pub ttl: u64,
    /// Counts the list's changes. This claim is Patrol's own: an edge requests the changes since
    /// this version.
    pub version: u64,
    /// The list.
    #[serde(deserialize_with = "json::object")]
    pub status_list: PackedList,
}

/// The `status_list` claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedList {
    /// Bits per entry.
    pub bits: Bits,
    /// Compressed entries.
    pub lst: String,
    /// The address of the aggregation (section 9.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregation_uri: Option<String>,
}

/// The folder of the lists, below the prefix.
pub const FOLDER: &str = "status/";

/// The path of the aggregation below the prefix: the addresses of all lists (section 9).
pub const AGGREGATION: &str = "status/aggregation";

/// The aggregation (section 9.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aggregation {
    /// The `uri` of every list.
    pub status_lists: Vec<String>,
}

/// How long a signed list is valid and may be cached, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Validity {
    /// From `iat` to `exp`.
    pub lifetime: u64,
    /// `ttl`
    pub ttl: u64,
}

/// A list at one of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The entries.
    pub list: StatusList,
    /// How many times the list has changed.
    pub version: u64,
}

/// Signs a list.
///
/// # Errors
/// None in practice: claims are plain structs with text keys.
pub fn sign(
    Snapshot { list, version }: &Snapshot,
    id: StatusListId,
    paths: &Paths,
    now: Timestamp,
    validity: Validity,
    key: &SigningKey,
) -> Result<String, jwt_compact::CreationError> {
    let claims = ListClaims {
        sub: id.uri(paths),
        iat: now,
        exp: now.plus(validity.lifetime),
        ttl: validity.ttl,
        version: *version,
        status_list: PackedList {
            bits: list.bits,
            lst: list.encode(),
            aggregation_uri: Some(paths.url_of(AGGREGATION)),
        },
    };
    jws::sign(key, TYPE, &claims)
}

/// Why a signed list was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListError {
    /// Not signed as a list by one of the keys.
    Signature,
    /// It is another list (`sub`).
    Subject,
    /// It cannot be decoded, or does not have Patrol's shape.
    Shape,
}

/// A list with a valid signature. The caller must check its age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedList {
    /// The entries and their version.
    pub snapshot: Snapshot,
    /// `iat`: the list contains every change before that second.
    pub signed_at: Timestamp,
}

/// Verifies a signed list. The caller checks the times.
///
/// # Errors
/// [`ListError`].
pub fn verify(
    text: &str,
    id: StatusListId,
    paths: &Paths,
    keys: &KeySet,
    signatures: &impl VerifySignature,
) -> Result<VerifiedList, ListError> {
    let unverified =
        Unverified::parse(text, TYPE, MAX_SIGNED_LENGTH).map_err(|_| ListError::Signature)?;
    let claims: ListClaims = unverified
        .verify(keys, signatures)
        .map_err(|_| ListError::Signature)?;
    if claims.sub != id.uri(paths) {
        return Err(ListError::Subject);
    }
    let packed = claims.status_list;
    let list = StatusList::decode_full_size(packed.bits, &packed.lst).ok_or(ListError::Shape)?;
    Ok(VerifiedList {
        snapshot: Snapshot {
            list,
            version: claims.version,
        },
        signed_at: claims.iat,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::signing::{Dalek, SigningKeys};
    use std::collections::BTreeMap;

    #[derive(Deserialize)]
    struct Vectors {
        vectors: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        bits: u8,
        size: u32,
        lst: String,
        status: BTreeMap<u32, u8>,
    }

    /// The draft's appendix "Test vectors for Status List encoding" and its section 4.1.
    #[test]
    fn status_list_round_trips_the_drafts_vectors() {
        let json = include_str!("../tests/vectors/status-list.json");
        let vectors: Vectors = serde_json::from_str(json).unwrap();
        assert!(vectors.vectors.len() >= 4);
        for vector in vectors.vectors {
            let bits = Bits::try_from(vector.bits).unwrap();
            let list = StatusList::decode(bits, &vector.lst, 1 << 20).unwrap();
            let set: BTreeMap<u32, u8> = (0..vector.size)
                .map(|idx| (idx, u8::from(list.get(idx).unwrap())))
                .filter(|(_, status)| *status != 0)
                .collect();
            let expected: BTreeMap<u32, u8> = vector
                .status
                .into_iter()
                .filter(|(_, status)| *status != 0)
                .collect();
            assert_eq!(set, expected, "{} bits", vector.bits);
            let again = StatusList::decode(bits, &list.encode(), 1 << 20).unwrap();
            assert_eq!(again, list);
            let mut built = StatusList::new(bits, vector.size);
            for (idx, status) in expected {
                assert!(built.set(idx, Status::from(status)));
            }
            assert_eq!(built, list);
        }
    }

    #[test]
    fn status_list_rejects_what_inflates_beyond_the_cap() {
        let bomb = StatusList::new(Bits::Eight, 1 << 20).encode();
        assert_eq!(
            StatusList::decode(Bits::Two, &bomb, 1 << 15),
            Err(DecodeError::Zlib)
        );
        assert_eq!(
            StatusList::decode(Bits::Two, "a=b", 8),
            Err(DecodeError::Base64)
        );
        assert_eq!(
            StatusList::decode(Bits::Two, "AAAA", 8),
            Err(DecodeError::Zlib)
        );
    }

    #[test]
    fn set_leaves_the_neighbours_alone() {
        let mut list = StatusList::all_valid();
        assert!(list.set(5, Status::Invalid) && list.set(6, Status::Suspended));
        assert!(list.set(5, Status::Valid));
        let found: Vec<_> = (4..8).filter_map(|idx| list.get(idx)).collect();
        assert_eq!(
            found,
            [
                Status::Valid,
                Status::Valid,
                Status::Suspended,
                Status::Valid
            ]
        );
        assert!(!list.set(LIST_SIZE, Status::Invalid));
        assert_eq!(list.get(LIST_SIZE), None);
    }

    fn paths(public_url: &str) -> Paths {
        Paths::new(public_url, None, None).unwrap()
    }

    #[test]
    fn status_list_id_accepts_one_spelling_of_a_uri() {
        let id = StatusListId {
            registry: 3,
            list: 12,
        };
        let paths = paths("https://p/a");
        assert_eq!(id.uri(&paths), "https://p/a/.patrol/status/3/12");
        assert_eq!(StatusListId::from_uri(&paths, &id.uri(&paths)), Some(id));
        for other in ["https://p/status/3/12", "https://p/.patrol/status/3/12"] {
            assert_eq!(StatusListId::from_uri(&paths, other), None, "{other}");
        }
        let elsewhere = Paths::new("https://p/a", Some("/x/"), None).unwrap();
        assert_eq!(id.uri(&elsewhere), "https://p/a/x/status/3/12");
        assert_eq!(StatusListId::from_uri(&elsewhere, &id.uri(&paths)), None);
        for bad in [
            "status/3",
            "status/03/12",
            "status/+3/12",
            "status/3/12/",
            "status/70000/1",
            "/status/3/12",
            "x/3/12",
        ] {
            assert_eq!(StatusListId::from_path(bad), None, "{bad}");
        }
    }

    #[test]
    fn verify_accepts_a_list_for_its_uri_and_key_only() {
        let keys = SigningKeys::from_jwks(&SigningKeys::generate(&[1; 32])).unwrap();
        let other = SigningKeys::from_jwks(&SigningKeys::generate(&[2; 32])).unwrap();
        let mut list = StatusList::all_valid();
        list.set(77, Status::Invalid);
        let signed_at = Timestamp::from_seconds(1_000);
        let validity = Validity {
            lifetime: 60,
            ttl: 10,
        };
        let snapshot = Snapshot { list, version: 5 };
        let id = StatusListId {
            registry: 1,
            list: 2,
        };
        let next = StatusListId {
            registry: 1,
            list: 3,
        };
        let ours = paths("https://u");
        let text = sign(&snapshot, id, &ours, signed_at, validity, keys.first()).unwrap();
        let signed = VerifiedList {
            snapshot,
            signed_at,
        };
        assert_eq!(verify(&text, id, &ours, keys.public(), &Dalek), Ok(signed));
        for (id, paths) in [(next, &ours), (id, &paths("https://v"))] {
            assert_eq!(
                verify(&text, id, paths, keys.public(), &Dalek),
                Err(ListError::Subject)
            );
        }
        assert_eq!(
            verify(&text, id, &ours, other.public(), &Dalek),
            Err(ListError::Signature)
        );
        let small = Snapshot {
            list: StatusList::new(Bits::Two, 8),
            version: 5,
        };
        let text = sign(&small, id, &ours, signed_at, validity, keys.first()).unwrap();
        assert_eq!(
            verify(&text, id, &ours, keys.public(), &Dalek),
            Err(ListError::Shape)
        );
    }

    #[test]
    fn merge_works_entry_by_entry_and_keeps_revocations() {
        for ours in 0..=3 {
            for theirs in 0..=3 {
                for newer in [false, true] {
                    // Every position in a byte, with neighbours that have another status.
                    for idx in 0..4 {
                        let mut list = StatusList::new(Bits::Two, 4);
                        let mut other = StatusList::new(Bits::Two, 4);
                        for place in 0..4 {
                            list.set(place, Status::Suspended);
                            other.set(place, Status::Suspended);
                        }
                        list.set(idx, Status::from(ours));
                        other.set(idx, Status::from(theirs));
                        list.merge(&other, newer);
                        let expected = match (ours, theirs) {
                            (1, _) | (_, 1) => 1,
                            (_, theirs) if newer => theirs,
                            (ours, _) => ours,
                        };
                        let case = (ours, theirs, newer, idx);
                        assert_eq!(list.get(idx), Some(Status::from(expected)), "{case:?}");
                        let neighbour = list.get((idx + 1) % 4);
                        assert_eq!(neighbour, Some(Status::Suspended), "{case:?}");
                    }
                }
            }
        }
    }
}
