//! What the C library expects of a system below it. There is none: no descriptor is open, and nothing is written.
//!
//! These are the symbols through which wasi-libc imports WASI. Defined here, they are imports no more. What Rust's own
//! library still imports is answered by the component's sealed adapter.

#![expect(unsafe_code, reason = "the linker knows these functions by name")]

/// WASI's `EBADF`.
const BAD_DESCRIPTOR: i32 = 8;

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_close(_descriptor: i32) -> i32 {
    BAD_DESCRIPTOR
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_fdstat_get(_descriptor: i32, _answer: i32) -> i32 {
    BAD_DESCRIPTOR
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_seek(_descriptor: i32, _by: i64, _from: i32, _answer: i32) -> i32 {
    BAD_DESCRIPTOR
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_fd_write(
    _descriptor: i32,
    _pieces: i32,
    _count: i32,
    _answer: i32,
) -> i32 {
    BAD_DESCRIPTOR
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_environ_sizes_get(count: *mut u32, bytes: *mut u32) -> i32 {
    // SAFETY: the C library passes valid pointers.
    unsafe {
        *count = 0;
        *bytes = 0;
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_environ_get(_variables: i32, _bytes: i32) -> i32 {
    0
}

#[unsafe(no_mangle)]
extern "C" fn __imported_wasi_snapshot_preview1_proc_exit(_status: i32) -> ! {
    core::arch::wasm32::unreachable()
}
