//! The guest's memory as the host sees it: the allocator of the canonical ABI, and script snapshots.
//!
//! A snapshot is the pages that differ from the engine's own image. The component model hides a guest's memory, so the
//! guest takes part: `dump` hands out all of it as one list, and while `restore` runs, `cabi_realloc` answers with the
//! very address at which the next pages belong, so that the canonical ABI copies them into place, once.

#![expect(unsafe_code, reason = "raw memory is what this module is about")]

use core::arch::wasm32::{memory_grow, memory_size};
use std::alloc::{Layout, alloc, handle_alloc_error, realloc};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A Wasm page.
const PAGE_BYTES: usize = 65_536;

/// Where the next allocation of the canonical ABI is to land, or 0 for "anywhere".
static PLACE: AtomicU32 = AtomicU32::new(0);

/// The list (pointer, length) that `dump` answers with.
static WHOLE_MEMORY: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

#[link(wasm_import_module = "skerry:script/pages@1.0.0")]
unsafe extern "C" {
    #[link_name = "next-address"]
    fn next_address() -> u32;
    #[link_name = "next-run"]
    fn next_run(list: *mut [u32; 2]);
}

/// The allocator of the canonical ABI.
///
/// # Safety
/// `old` and `old_len` are what an earlier call with the same `align` answered, or null and 0.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_len: usize, align: usize, new_len: usize) -> *mut u8 {
    let place = PLACE.swap(0, Relaxed);
    if place != 0 {
        return place as *mut u8;
    }
    if old_len == 0 && new_len == 0 {
        return align as *mut u8;
    }
    // SAFETY: the canonical ABI passes a power of two as `align`, and sizes that fit the memory.
    let layout = unsafe { Layout::from_size_align_unchecked(if old_len == 0 { new_len } else { old_len }, align) };
    // SAFETY: neither size is zero, and `old` came from here with this very layout.
    let new = unsafe { if old_len == 0 { alloc(layout) } else { realloc(old, layout, new_len) } };
    if new.is_null() {
        handle_alloc_error(layout);
    }
    new
}

/// The export `dump`: the whole linear memory as one list.
#[unsafe(export_name = "dump")]
extern "C" fn dump() -> *const [AtomicU32; 2] {
    WHOLE_MEMORY[1].store((memory_size(0) * PAGE_BYTES) as u32, Relaxed);
    &raw const WHOLE_MEMORY
}

/// The export `restore`: grow to `memory_bytes` and take the changed pages.
///
/// Nothing of this function may live on the heap, which it overwrites: it uses the shadow stack (first in memory, and
/// no part of a snapshot) and nothing else.
#[unsafe(export_name = "restore")]
extern "C" fn restore(memory_bytes: u32) {
    let have = memory_size(0) * PAGE_BYTES;
    if let Some(missing) = (memory_bytes as usize).checked_sub(have) {
        memory_grow(0, missing.div_ceil(PAGE_BYTES));
    }
    let mut list = [0_u32; 2];
    loop {
        // SAFETY: a plain import without arguments.
        let address = unsafe { next_address() };
        if address == 0 {
            return;
        }
        PLACE.store(address, Relaxed);
        // SAFETY: `list` is a return area of two words, as the canonical ABI lays out `list<u8>`.
        unsafe { next_run(&raw mut list) };
    }
}
