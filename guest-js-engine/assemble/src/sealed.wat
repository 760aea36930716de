;; WASI preview 1 for a component that reaches nothing: no file, no clock, no environment, no entropy.
;;
;; It stands in place of the usual adapter, so that such a component imports nothing at all. Only what the compiler's
;; libraries ask for is here; when they come to ask for more, encoding the component fails and names it.
(module
  (import "env" "memory" (memory 0))

  ;; errno values
  (global $success i32 (i32.const 0))
  (global $badf i32 (i32.const 8))

  ;; Hash maps ask for it, and nothing that has to stay secret. Zeros make every instance do the same.
  (func (export "random_get") (param $buffer i32) (param $length i32) (result i32)
    (memory.fill (local.get $buffer) (i32.const 0) (local.get $length))
    (global.get $success))

  (func (export "environ_sizes_get") (param $count i32) (param $bytes i32) (result i32)
    (i32.store (local.get $count) (i32.const 0))
    (i32.store (local.get $bytes) (i32.const 0))
    (global.get $success))

  (func (export "environ_get") (param i32 i32) (result i32)
    (global.get $success))

  ;; No descriptor is open, not even that of the standard error, where a panic would write.
  (func (export "fd_write") (param i32 i32 i32 i32) (result i32)
    (global.get $badf))

  (func (export "proc_exit") (param i32)
    unreachable))
