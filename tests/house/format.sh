#!/usr/bin/env bash
# Formatting is not a matter of taste: clang-format's.  To repair: bash tests/house/format.sh --fix
set -eu
cd "${DURRA_SOURCE_DIR:-$(dirname "$0")/../..}"
mapfile -t sources < <(git ls-files '*.h' '*.cpp' 2>/dev/null ||
  find format store tools tests fuzz -name '*.h' -o -name '*.cpp')
[ ${#sources[@]} -gt 0 ] || { echo "no sources found"; exit 1; }
if [ "${1:-}" = --fix ]; then
  sed -i -E 's|^(// ---- .{112})-+$|\1|' "${sources[@]}"  # rules across the page end at column 120
  exec clang-format-16 -i "${sources[@]}"
fi
clang-format-16 --dry-run -Werror "${sources[@]}"
