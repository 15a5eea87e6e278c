/* <assert.h> for programs under test: a failure ends the process, even if the program defines functions of libc. */
#undef assert
#ifdef NDEBUG
#define assert(...) ((void)0)
#else
#ifdef __cplusplus
extern "C" [[noreturn]] void moesaic_assertion_failed(const char *, const char *, int) noexcept;
#define assert(...) (static_cast<bool>(__VA_ARGS__) ? (void)0 : moesaic_assertion_failed(#__VA_ARGS__, __FILE__, __LINE__))
#else
_Noreturn void moesaic_assertion_failed(const char *, const char *, int);
#define assert(...) ((__VA_ARGS__) ? (void)0 : moesaic_assertion_failed(#__VA_ARGS__, __FILE__, __LINE__))
#define static_assert _Static_assert
#endif
#endif
