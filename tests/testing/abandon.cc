#include "tests/testing/abandon.h"

#include <stdlib.h>

#include <set>

namespace wspd::testing {
namespace {

std::set<const Witness*>& Witnesses() {
  static auto* const witnesses = new std::set<const Witness*>;
  return *witnesses;
}

}  // namespace

Witness::Witness() { Witnesses().insert(this); }

Witness::~Witness() { Witnesses().erase(this); }

void Abandon() {
  for (const Witness* const witness : Witnesses()) witness->Testify();
  abort();
}

}  // namespace wspd::testing
