# Where stores of tests and demos fit.  To be sourced:  scratch MIB  sets SCRATCH to a new directory and says where;
# it is removed when the shell ends.
#
# The first place with that much room, file systems with all of durra's promises first: a plain container has 64 MiB
# of /dev/shm and overlayfs everywhere else, a virtual machine may have a tmpfs that is large and a disk that is full.
scratch() {
  local mib=$1 wanted place kind room
  for wanted in "ext2/ext3 ext4 xfs btrfs tmpfs" "overlayfs"; do
    for place in "${DURRA_SCRATCH:-}" "${TMPDIR:-}" /tmp /var/tmp /dev/shm "$PWD"; do
      [ -n "$place" ] && [ -d "$place" ] && [ -w "$place" ] || continue
      kind=$(stat -f -c %T "$place")
      case " $wanted " in *" $kind "*) ;; *) continue ;; esac
      room=$(($(stat -f -c '%a * %S' "$place") / 1048576))
      [ "$room" -ge "$mib" ] || continue
      SCRATCH=$(mktemp -d "$place/durra.XXXXXX")
      trap 'rm -rf "$SCRATCH"' EXIT
      echo "scratch: $SCRATCH ($kind, $room MiB free)"
      return 0
    done
  done
  echo "scratch: no place with $mib MiB free on ext4, xfs, btrfs, tmpfs or overlayfs; name one: DURRA_SCRATCH=DIR" >&2
  return 1
}
