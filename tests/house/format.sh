#!/usr/bin/env bash
# Formatting is not a matter of taste: clang-format's.  To repair: bash tests/house/format.sh --fix
set -eu
cd "${DURRA_SOURCE_DIR:-$(dirname "$0")/../..}"
mapfile -t sources < <(git ls-files '*.h' '*.cpp' 2>/dev/null ||
  find format store tools tests fuzz -name '*.h' -o -name '*.cpp')
[ ${#sources[@]} -gt 0 ] || { echo "no sources found"; exit 1; }
if [ "${1:-}" = --fix ]; then
  for source in "${sources[@]}"; do  # what is good stays untouched: it need not be built again
    new=$(sed -E 's|^(// ---- .{112})-+$|\1|' "$source" | clang-format-16 --assume-filename="$source" && echo .)
    printf %s "${new%.}" | cmp -s - "$source" || printf %s "${new%.}" >"$source"
  done
  exit
fi
clang-format-16 --dry-run -Werror "${sources[@]}"
