// A list for LeakSanitizer, which reads it when a program ends. CMake compiles it into each program of tests and of
// fuzzing; other builds never call it.
//   libhdf5  drops blocks of its own where it refuses a damaged file (1.10.8: the symbol table it was reading, names).
//            That hone closes all that it opens is a test: ShardHostile.DamageEndsInAnErrorOrInRows.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5\n"; }
