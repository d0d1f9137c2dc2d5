#ifndef WSPD_CLIENT_STUB_PRELOAD_CREDENTIALS_H_
#define WSPD_CLIENT_STUB_PRELOAD_CREDENTIALS_H_

#include <cstdint>

namespace wsp {

// How often the process's users and groups have changed: the daemon knows those
// that an attachment was made with. Async-signal-safe.
uint32_t CredentialsChanges();
// They have. Nothing in a vfork child, whose own they are.
void CountCredentialsChange();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_CREDENTIALS_H_
