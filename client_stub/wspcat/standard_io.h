#ifndef WSPD_CLIENT_STUB_WSPCAT_STANDARD_IO_H_
#define WSPD_CLIENT_STUB_WSPCAT_STANDARD_IO_H_

#include <cstddef>

namespace wspd::wspcat {

// Standard input and output as unbuffered streams of bytes.

// Once, before the others. Has a broken output pipe fail instead of kill.
void PrepareStandardIo();
// Returns as soon as anything is there: the count, 0 at the end, -1 on error.
long ReadInput(char* data, size_t size);
// Writes all of it; false on error.
bool WriteOutput(const char* data, size_t size);

}  // namespace wspd::wspcat

#endif  // WSPD_CLIENT_STUB_WSPCAT_STANDARD_IO_H_
