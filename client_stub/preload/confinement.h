#ifndef WSPD_CLIENT_STUB_PRELOAD_CONFINEMENT_H_
#define WSPD_CLIENT_STUB_PRELOAD_CONFINEMENT_H_

#include <cstdint>

namespace wsp {

// A program is about to put itself under a seccomp filter: what the filter
// won't let the library ask is asked before, of all descriptors, and what it
// won't let the library do isn't done from then on. A filter that stands in
// nothing's way changes nothing.
//
// What is lost without the means for it: README.md.
class Confinement {
 public:
  // As prctl(PR_SET_SECCOMP): SECCOMP_MODE_..., and the filter for that.
  Confinement(unsigned long mode, const void* filter);

  // The kernel has refused.
  void TakeBack();

 private:
  // What this one has added.
  uint32_t denied_ = 0;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_CONFINEMENT_H_
