//! patrol-upstream
fn main() {}
