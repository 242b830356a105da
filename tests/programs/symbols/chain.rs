// SPDX-License-Identifier: BSD-2-Clause
// Names of Rust: nm says where `chain::shop::fill` is.
mod shop {
    #[inline(never)]
    pub fn fill(count: usize) -> Vec<u64> {
        (0..count as u64).collect()
    }
}

fn main() {
    println!("{}", shop::fill(std::env::args().count()).len());
}
