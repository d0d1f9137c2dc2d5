#ifndef WSPD_CLIENT_STUB_TRANSPORT_POSIX_DESCRIPTORS_H_
#define WSPD_CLIENT_STUB_TRANSPORT_POSIX_DESCRIPTORS_H_

namespace wsp {

// Descriptors of the stub in somebody else's process: close-on-exec, and at
// high numbers, so that the program finds the low ones where it expects them
// and select() keeps room. They are written down, so that a forked child can
// close its copies without looking at anything else of its parent's.

// Takes `fd` over: moves it to a high number if one is free and writes it down.
// Returns the new number; -1 if `fd` is -1.
int AdoptDescriptor(int fd);

// Writes `fd` down where it is, for what is the program's to use; again when
// something else is in its place.
void NoteDescriptor(int fd);

// Closes what AdoptDescriptor returned; or what
// NoteDescriptor wrote down; nothing for -1.
void CloseDescriptor(int fd);

// In a forked child: closes the copies of all adopted descriptors, except those
// whose number the child has already given to something else.
void CloseInheritedDescriptors();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_POSIX_DESCRIPTORS_H_
