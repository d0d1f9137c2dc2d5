#include "client_stub/preload/settings.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace wsp {
namespace {

constexpr char kDefaultPath[] = "/run/wspd/wspd.sock";

Settings g_settings;

// Nothing if it doesn't fit.
void MakeAbsolute(const char* path, char (&absolute)[108]) {
  size_t folder_size = 0;
  if (*path != '/') {
    if (getcwd(absolute, sizeof absolute) == nullptr) return;
    folder_size = strlen(absolute);
    if (folder_size > 0 && absolute[folder_size - 1] != '/' &&
        folder_size + 1 < sizeof absolute) {
      absolute[folder_size++] = '/';
    }
  }
  const size_t size = strlen(path) + 1;
  if (folder_size + size > sizeof absolute) {
    absolute[0] = '\0';
    return;
  }
  memcpy(absolute + folder_size, path, size);
}

Plane PlaneOf(const char* name) {
  if (name == nullptr) return Plane::kAuto;
  if (strcmp(name, "lent") == 0) return Plane::kLent;
  if (strcmp(name, "relayed") == 0) return Plane::kRelayed;
  return Plane::kAuto;
}

}  // namespace

void ReadSettings(Settings* settings) {
  const char* path = getenv("WSPD_SOCKET");
  if (path == nullptr || *path == '\0') path = kDefaultPath;
  MakeAbsolute(path, settings->socket_path);
  const char* fallback = getenv("WSPD_FALLBACK");
  settings->fallback = fallback != nullptr && strcmp(fallback, "1") == 0;
  settings->plane = PlaneOf(getenv("WSPD_PLANE"));
}

const Settings& ProcessSettings() { return g_settings; }

void ReadProcessSettings() { ReadSettings(&g_settings); }

}  // namespace wsp
