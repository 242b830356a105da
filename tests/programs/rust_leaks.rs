// SPDX-License-Identifier: BSD-2-Clause
//
// Leaks through Rust's containers, in the protocol of truth.h (linked in). The standard library
// stands between the leaking function and malloc and keeps no frame pointer: see cpp_leaks.cpp
// about the callers.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::mem;
use std::os::raw::{c_char, c_int};
use std::ptr;

extern "C" {
    fn truth_init(argc: c_int, argv: *const *const c_char);
    fn truth_ready();
    fn truth_finish();
    fn truth_alloc(function: *const c_char, bytes: usize);
    fn truth_free(function: *const c_char, bytes: usize);
}

/// The compiler cannot see through a volatile read (std::hint::black_box is younger than Debian 12).
fn black_box<T>(value: T) -> T {
    let opaque = unsafe { ptr::read_volatile(&value) };

    mem::forget(value);
    opaque
}

macro_rules! leak {
    ($name:ident, $caller:ident, $bytes:expr, $what:expr) => {
        #[no_mangle]
        #[inline(never)]
        pub extern "C" fn $name() {
            mem::forget(black_box($what));
            unsafe { truth_alloc(concat!(stringify!($name), "\0").as_ptr().cast(), $bytes) };
        }

        #[no_mangle]
        #[inline(never)]
        pub extern "C" fn $caller() {
            $name();
            black_box(());
        }
    };
}

leak!(leak_via_box, leak_via_box_caller, 512, Box::new([1u8; 512]));
leak!(leak_via_vec, leak_via_vec_caller, 8000, Vec::<u64>::with_capacity(1000));
leak!(leak_via_zeroed, leak_via_zeroed_caller, 3000, vec![0u8; 3000]);
leak!(leak_via_string, leak_via_string_caller, 300, std::str::from_utf8(&[b'u'; 300]).unwrap().to_owned());

/// Grows from 10 to 100 elements by realloc.
#[no_mangle]
#[inline(never)]
pub extern "C" fn leak_via_growth() {
    let mut grown: Vec<u32> = Vec::with_capacity(10);
    let name = b"leak_via_growth\0".as_ptr().cast();

    grown.push(black_box(1));
    grown.reserve_exact(99);
    unsafe {
        truth_alloc(name, 40);
        truth_free(name, 40);
        truth_alloc(name, grown.capacity() * 4);
    }
    mem::forget(black_box(grown));
}

#[no_mangle]
#[inline(never)]
pub extern "C" fn leak_via_growth_caller() {
    leak_via_growth();
    black_box(());
}

#[no_mangle]
#[inline(never)]
pub extern "C" fn no_leak() {
    let map: BTreeMap<u32, String> = (0..50).map(|i| (i, i.to_string())).collect();
    drop(black_box(map));
}

fn main() {
    let args: Vec<CString> = std::env::args().map(|a| CString::new(a).unwrap()).collect();
    let argv: Vec<*const c_char> = args.iter().map(|a| a.as_ptr()).collect();

    unsafe {
        truth_init(argv.len() as c_int, argv.as_ptr());
        truth_ready();
    }
    for _ in 0..20 {
        leak_via_box_caller();
        leak_via_vec_caller();
        leak_via_zeroed_caller();
        leak_via_string_caller();
        leak_via_growth_caller();
        no_leak();
    }
    unsafe { truth_finish() };
}
