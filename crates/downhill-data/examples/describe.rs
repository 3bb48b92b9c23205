//! Lists image data.

fn main() {}
