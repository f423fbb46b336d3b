//! patrol-e2e
fn main() {}
