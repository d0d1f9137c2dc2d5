#ifndef WSPD_CLIENT_STUB_BASE_THREAD_ANNOTATIONS_H_
#define WSPD_CLIENT_STUB_BASE_THREAD_ANNOTATIONS_H_

// Clang's thread-safety attributes; nothing for other compilers.
#if defined(__clang__)
#define WSP_ATTRIBUTE(x) __attribute__((x))
#else
#define WSP_ATTRIBUTE(x)
#endif

#define WSP_CAPABILITY(x) WSP_ATTRIBUTE(capability(x))
#define WSP_SCOPED_CAPABILITY WSP_ATTRIBUTE(scoped_lockable)
#define WSP_GUARDED_BY(x) WSP_ATTRIBUTE(guarded_by(x))
#define WSP_PT_GUARDED_BY(x) WSP_ATTRIBUTE(pt_guarded_by(x))
#define WSP_REQUIRES(...) WSP_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define WSP_ACQUIRE(...) WSP_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define WSP_TRY_ACQUIRE(...) WSP_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define WSP_RELEASE(...) WSP_ATTRIBUTE(release_capability(__VA_ARGS__))
#define WSP_EXCLUDES(...) WSP_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define WSP_ASSERT_HELD(x) WSP_ATTRIBUTE(assert_capability(x))
#define WSP_NO_THREAD_SAFETY_ANALYSIS WSP_ATTRIBUTE(no_thread_safety_analysis)

#endif  // WSPD_CLIENT_STUB_BASE_THREAD_ANNOTATIONS_H_
