#!/usr/bin/env bash
# Copies the shared libraries that programs need from this machine into a root,
# with the loader, and the copyright files of their packages.
#   deploy/container/copy_libraries.sh ROOT PROGRAM...
# The root gets /lib and /lib64 as links, as Debian's has.
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "usage: $0 ROOT PROGRAM..." >&2
  exit 64
fi
root=$1
shift
umask 022
mkdir -p "$root/usr/lib" "$root/usr/lib64"
[ -e "$root/lib" ] || ln -s usr/lib "$root/lib"
[ -e "$root/lib64" ] || ln -s usr/lib64 "$root/lib64"

needed=$(ldd "$@")
if missing=$(grep 'not found' <<<"$needed"); then
  echo "$0: $missing" >&2
  exit 1
fi
# "NAME => PATH (ADDRESS)", or "PATH (ADDRESS)" for the loader.
paths=$(sed -nE 's/^\s+(.* => )?(\/\S+) \(0x.*$/\2/p' <<<"$needed" | sort -u)
for path in $paths; do
  # By the name that programs ask for; /lib is /usr/lib.
  target=$root/usr${path#/usr}
  mkdir -p "$(dirname "$target")"
  cp -L --preserve=mode "$path" "$target"
done
# Packages know some of them by their place in /lib.
files=$(realpath $paths)
for package in $(dpkg-query -S $files ${files//\/usr\//\/} 2>/dev/null |
  sed 's/:.*//' | sort -u); do
  install -D -m 644 "/usr/share/doc/$package/copyright" \
    "$root/usr/share/doc/$package/copyright"
done
