//! The program: everything is in the library.

/// Batches are allocated on the decoding thread and freed on the engine's, which this allocator does without
/// giving pages back and faulting them in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    protogen::cli::main()
}
